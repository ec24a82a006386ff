"""What Prometheus reads."""

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from bread_bot.utils import metrics


class Figures:
    """One scrape; without a text, of what this process has counted."""

    def __init__(self, text: str | None = None) -> None:
        self.text = metrics.exposition([]).decode() if text is None else text
        self.families: list[Metric] = list(text_string_to_metric_families(self.text))
        samples = [sample for family in self.families for sample in family.samples]
        self.samples = {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}
        assert len(self.samples) == len(samples), "a figure is told twice"

    def __call__(self, name: str, **labels: str) -> float:
        """A figure; 0 where it is not told."""
        return self.samples.get((name, frozenset(labels.items())), 0.0)

    def since(self, earlier: "Figures") -> dict[str, float]:
        """What has changed, as {'name{label="value"}': by how much}."""
        changed = {}
        for (name, labels), value in self.samples.items():
            if value != (before := earlier.samples.get((name, labels), 0.0)):
                spelled = ",".join(f'{key}="{text}"' for key, text in sorted(labels))
                changed[f"{name}{{{spelled}}}" if spelled else name] = value - before
        return changed
