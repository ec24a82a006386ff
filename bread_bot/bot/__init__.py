"""An update comes in, an answer goes out."""

TITLE = "Хлебушек"
