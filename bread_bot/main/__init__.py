"""The floor and the roof: below every app and above every app."""
