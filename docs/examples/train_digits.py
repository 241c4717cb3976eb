"""Train a digit classifier from sealed features, and say how well it does on takes it never saw.

    python docs/examples/train_digits.py DEPLOYMENT LABELS.csv

LABELS.csv has the columns sample, digit and take; `docs/examples/labels.py` makes it from upload
receipts. Takes 0 to 4 of every digit and speaker are kept for the test. So it is about unseen
recordings of speakers that were trained on; about other speakers it says nothing.
"""

import sys
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader

import unvoiced
from unvoiced.reader.torch import collate, iterable

EPOCHS, BATCH, WORKERS, SEED = 10, 32, 2, 0


class DigitClassifier(nn.Module):
    """Three convolutions over time, the maximum of each channel, ten scores."""

    def __init__(self, bands: int = 80, channels: int = 96) -> None:
        super().__init__()
        widths = [bands, channels, channels, channels]
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.Conv1d(before, after, 5, padding="same", dilation=2**depth),
                nn.BatchNorm1d(after),
                nn.ReLU(),
            )
            for depth, (before, after) in enumerate(pairwise(widths))
        )
        self.scores = nn.Sequential(nn.Dropout(0.3), nn.Linear(channels, 10))

    def forward(self, log_mel: Tensor, frames: Tensor) -> Tensor:
        """Scores (batch, 10) of log-mel (batch, bands, T) in dB, of which `frames` count."""
        inside = (torch.arange(log_mel.shape[2]) < frames[:, None])[:, None]  # (batch, 1, T)
        cells = frames[:, None, None] * log_mel.shape[1]
        x = (log_mel - (log_mel * inside).sum((1, 2), keepdim=True) / cells) * inside
        x = x / (x.square().sum((1, 2), keepdim=True) / cells).sqrt().clamp(min=1e-3)
        for layer in self.layers:
            x = layer(x) * inside
        return self.scores(x.amax(2))  # what is not inside is 0, and so the least there is


def train(deployment: Path, labels: Path) -> DigitClassifier:
    """A classifier trained on takes 5 and later."""
    torch.manual_seed(SEED)
    model = DigitClassifier()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    with unvoiced.open(
        deployment, "training", labels=labels, where="take >= 5", arrays=["log_mel"]
    ) as features:
        samples = iterable(features.shuffle(SEED))
        loader = DataLoader(
            samples, BATCH, collate_fn=collate, num_workers=WORKERS, persistent_workers=True
        )
        for epoch in range(EPOCHS):
            samples.set_epoch(epoch)
            losses = []
            for batch in loader:
                scores = model(batch["log_mel"], batch["frames"])
                loss = cross_entropy(scores, batch["labels"]["digit"])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
            schedule.step()
            print(f"epoch {epoch}: loss {sum(losses) / len(losses):.3f}")
    return model


@torch.no_grad()
def accuracy(model: DigitClassifier, deployment: Path, labels: Path) -> float:
    """The share of digits it names rightly in takes 0 to 4."""
    model.eval()
    right = count = 0
    with unvoiced.open(
        deployment, "evaluation", labels=labels, where="take < 5", arrays=["log_mel"]
    ) as features:
        for batch in DataLoader(iterable(features), BATCH, collate_fn=collate):
            said = model(batch["log_mel"], batch["frames"]).argmax(1)
            right += int((said == batch["labels"]["digit"]).sum())
            count += len(said)
    return right / count


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(f"usage: python {sys.argv[0]} DEPLOYMENT LABELS.csv")
    deployment, labels = map(Path, sys.argv[1:])
    print(f"accuracy {accuracy(train(deployment, labels), deployment, labels):.3f}")
