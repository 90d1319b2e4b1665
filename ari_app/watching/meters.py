"""What counts. A process without a port for its metrics counts nothing, and does not even load prometheus-client.

Every method returns at once and raises nothing that its caller could have caused at run time: labels and names are
checked by the tests, which use each.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from . import catalogue
from .catalogue import Kind, Metric

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry


class Meters(Protocol):
    """Counters, gauges and histograms of one process, each by its `Metric` and its labels' values, in their order."""

    def count(self, metric: Metric, *labels: str, by: float = 1) -> None:
        """Let a counter rise."""

    def set(self, metric: Metric, value: float, *labels: str) -> None:
        """Let a gauge stand at a value."""

    def follow(self, metric: Metric, value: Callable[[], float], *labels: str) -> None:
        """Let a gauge say, whenever somebody asks, what `value` returns; it is asked from another thread."""

    def observe(self, metric: Metric, value: float, *labels: str) -> None:
        """Enter a value into a histogram."""

    def replace(self, metric: Metric, values: dict[str, float]) -> None:
        """Let a gauge with one label stand at these values, and forget every label that is not among them."""

    def text(self) -> bytes:
        """Return all of it in Prometheus' text format."""


class Silent:
    """Counts nothing."""

    def count(self, metric: Metric, *labels: str, by: float = 1) -> None:
        pass

    def set(self, metric: Metric, value: float, *labels: str) -> None:
        pass

    def follow(self, metric: Metric, value: Callable[[], float], *labels: str) -> None:
        pass

    def observe(self, metric: Metric, value: float, *labels: str) -> None:
        pass

    def replace(self, metric: Metric, values: dict[str, float]) -> None:
        pass

    def text(self) -> bytes:
        return b""


SILENT = Silent()


class Registry:
    """The metrics of one process, as the catalogue has them, in a registry of prometheus-client's."""

    def __init__(self, process: str) -> None:
        # Loaded only here: it costs more than the whole of --help.
        import prometheus_client as prometheus  # noqa: PLC0415

        self.registry: CollectorRegistry = prometheus.CollectorRegistry()
        self._text = prometheus.generate_latest
        self._made: dict[str, Any] = {}
        kinds: dict[Kind, Any] = {
            Kind.COUNTER: prometheus.Counter,
            Kind.GAUGE: prometheus.Gauge,
            Kind.HISTOGRAM: prometheus.Histogram,
        }
        # When a counter began is of no use to anybody here, and doubles what is sent.
        untyped: Any = prometheus.disable_created_metrics
        untyped()
        for metric in catalogue.METRICS:
            if process in metric.by:
                more = {"buckets": metric.buckets} if metric.buckets else {}
                made = kinds[metric.kind](metric.name, metric.help, metric.labels, registry=self.registry, **more)
                self._made[metric.name] = made
        prometheus.ProcessCollector(namespace="consentgate", registry=self.registry)

    def _at(self, metric: Metric, labels: tuple[str, ...]) -> Any:  # noqa: ANN401  one of three classes
        made = self._made[metric.name]
        return made.labels(*labels) if labels else made

    def count(self, metric: Metric, *labels: str, by: float = 1) -> None:
        self._at(metric, labels).inc(by)

    def set(self, metric: Metric, value: float, *labels: str) -> None:
        self._at(metric, labels).set(value)

    def follow(self, metric: Metric, value: Callable[[], float], *labels: str) -> None:
        self._at(metric, labels).set_function(value)

    def observe(self, metric: Metric, value: float, *labels: str) -> None:
        self._at(metric, labels).observe(value)

    def replace(self, metric: Metric, values: dict[str, float]) -> None:
        made = self._made[metric.name]
        for label, value in values.items():
            made.labels(label).set(value)
        known = {sample.labels[metric.labels[0]] for family in made.collect() for sample in family.samples}
        for gone in known - values.keys():
            made.remove(gone)

    def text(self) -> bytes:
        return self._text(self.registry)


def of(process: str, port: int | None) -> Meters:
    """Return what a process counts with."""
    return SILENT if port is None else Registry(process)
