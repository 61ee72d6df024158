"""Measure the metrics of a run's snapshots. A failure becomes a note; training continues."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from dataset_tool.terminal import no_bar
from stylegan_pokemon.data.dataset import SpriteDataset
from stylegan_pokemon.metrics.names import parse_names

if TYPE_CHECKING:
    from stylegan_pokemon.training.systems.trainer import Trainer

Evaluate = Callable[..., dict[str, Any]]
"""As `metrics.evaluate.evaluate`."""


class Meter:
    """Measures the averaged generator of a trainer.

    Args:
        heldout: pictures kept out of training, which memorisation is measured against too.
        run: where nn.png is written.
        echo: gets a note when measuring fails.
        evaluate: another one, for tests.
    """

    def __init__(
        self,
        trainer: Trainer,
        heldout: SpriteDataset | None,
        run: Path,
        echo: Callable[[str], None],
        show_bar: bool = True,
        evaluate: Evaluate | None = None,
    ) -> None:
        self.trainer, self.heldout, self.run, self.echo = trainer, heldout, run, echo
        self.show_bar = show_bar
        self.names = parse_names(trainer.config.metrics)
        self._evaluate = evaluate
        self._failure = ""

    def measure(self) -> dict[str, Any] | None:
        """The "metrics" of a line of stats.jsonl, and nn.png; None when they are off or fail.

        A failure becomes a note of one line, printed once: hours of training are worth more than a number.
        """
        if not self.names:
            return None
        try:
            return self._measured()
        except Exception as error:
            words = " ".join(str(error).split()) or type(error).__name__
            if words != self._failure:
                self.echo(f"note: the metrics were not measured: {words}")
            self._failure = words
            return None
        finally:
            gc.collect()
            if self.trainer.device.type == "cuda":
                torch.cuda.empty_cache()

    def _measured(self) -> dict[str, Any]:
        from stylegan_pokemon.metrics import evaluate as room

        trainer, config = self.trainer, self.trainer.config
        return (self._evaluate or room.evaluate)(
            trainer.G_ema,
            trainer.dataset,
            room.Settings(self.names, config.metrics_num, config.metrics_features),
            trainer.device,
            heldout=self.heldout,
            nn_sheet=self.run / "nn.png" if "nn" in self.names else None,
            show_bar=not no_bar(self.show_bar),
        )


def metrics_line(metrics: dict[str, Any]) -> str:
    """What was measured, in one line for the console."""
    values = metrics.get("values", {})
    words = []
    for start, label, form in (("fd_", "FD", ".1f"), ("fid", "FID", ".1f"), ("kid", "KID", ".4f"),
                               ("precision", "precision", ".2f"), ("recall", "recall", ".2f")):  # fmt: skip
        for name, measured in values.items():
            if name.startswith(start):
                error = f"±{measured['error']:{form}}" if "error" in measured else ""
                words.append(f"{label} {measured['value']:{form}}{error}")
    figures = metrics.get("sprite", {}).get("figures", {})
    words += [
        f"{name} {form(figures[name]['value'])} (real {form(figures[name]['reals'])})"
        for name, form in (("whole", "{:.0%}".format), ("haze", "{:.1f}%".format))
        if name in figures
    ]
    if (swd := values.get("swd")) is not None and swd["ratio"] is not None:
        words.append(f"SWD {swd['ratio']:.1f}× real halves")
    words += [metrics[part]["verdict"] for part in ("memorisation", "diversity")
              if metrics.get(part, {}).get("alarm") and "verdict" in metrics[part]]  # fmt: skip
    return f"     {metrics.get('samples', '?')} pictures measured: {', '.join(words) or 'see stats.jsonl'}"
