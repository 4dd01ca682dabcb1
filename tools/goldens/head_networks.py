"""Small networks with the heads of detectors and of segmentation nets, random weights.

Each gives, beside what its ONNX file gives, the logits and the boxes that stand behind that:
`logits` [N, A, C], `objectness` [N, A] where it has one, `boxes` [N, A, 4] in pixels (x0 y0 x1 y1).
"""

# mypy: allow-subclassing-any, allow-untyped-calls, no-warn-return-any
from __future__ import annotations

import torch
from torch import Tensor, nn

HEIGHT, WIDTH, CLASSES = 48, 64, 3
STRIDES = (8, 16)


def convolution(channels: int, outputs: int, stride: int, activation: type[nn.Module]) -> nn.Module:
    """A convolution of 3 x 3 and an activation."""
    return nn.Sequential(nn.Conv2d(channels, outputs, 3, stride, 1), activation())


class Backbone(nn.Module):
    """Features at the strides of 8 and 16."""

    def __init__(self, activation: type[nn.Module]) -> None:
        super().__init__()
        sizes = ((3, 8), (8, 12), (12, 16))
        self.to_8 = nn.Sequential(*(convolution(a, b, 2, activation) for a, b in sizes))
        self.to_16 = convolution(16, 16, 2, activation)

    def forward(self, x: Tensor) -> list[Tensor]:
        at_8 = self.to_8(x)
        return [at_8, self.to_16(at_8)]


def cells(height: int, width: int) -> Tensor:
    """The column and the row of each cell, [height, width, 2]."""
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([columns, rows], -1).float()


def corners(centre: Tensor, size: Tensor) -> Tensor:
    """x0 y0 x1 y1 of boxes by their centres and sizes."""
    return torch.cat([centre - size / 2, centre + size / 2], -1)


class AnchorDetector(nn.Module):
    """As YOLOv5: [N, A, 5 + C], anchors, one sigmoid for all, objectness; sizes in pixels."""

    anchors = (((10, 13), (16, 10), (20, 24)), ((30, 20), (24, 36), (40, 40)))

    def __init__(self) -> None:
        super().__init__()
        self.backbone = Backbone(nn.ReLU)
        self.heads = nn.ModuleList(nn.Conv2d(16, 3 * (5 + CLASSES), 1) for _ in STRIDES)

    def raw(self, x: Tensor) -> list[Tensor]:
        """[N, 3, H, W, 5 + C] of each stride."""
        found = []
        for features, head in zip(self.backbone(x), self.heads, strict=True):
            y = head(features)
            n, _, h, w = y.shape
            found.append(y.view(n, 3, 5 + CLASSES, h, w).permute(0, 1, 3, 4, 2).contiguous())
        return found

    def forward(self, x: Tensor) -> Tensor:
        found = []
        for y, stride, sizes in zip(self.raw(x), STRIDES, self.anchors, strict=True):
            n, _, h, w, columns = y.shape
            xy, wh, rest = y.sigmoid().split((2, 2, columns - 4), 4)
            xy = (xy * 2 - 0.5 + cells(h, w).to(x.dtype)) * stride
            wh = (wh * 2) ** 2 * torch.tensor(sizes, dtype=x.dtype).view(1, 3, 1, 1, 2)
            found.append(torch.cat([xy, wh, rest], 4).view(n, -1, columns))
        return torch.cat(found, 1)

    def parts(self, x: Tensor) -> dict[str, Tensor]:
        rows = torch.cat([y.flatten(1, 3) for y in self.raw(x)], 1)
        boxes = self(x)
        return {
            "logits": rows[..., 5:],
            "objectness": rows[..., 4],
            "boxes": corners(boxes[..., :2], boxes[..., 2:4]),
        }


class DistanceDetector(nn.Module):
    """As YOLOv8: [N, 4 + C, A], distances as distributions, no objectness; sizes in pixels."""

    bins = 16

    def __init__(self) -> None:
        super().__init__()
        self.backbone = Backbone(nn.SiLU)
        self.distances = nn.ModuleList(nn.Conv2d(16, 4 * self.bins, 1) for _ in STRIDES)
        self.classes = nn.ModuleList(nn.Conv2d(16, CLASSES, 1) for _ in STRIDES)
        self.mean = nn.Conv2d(self.bins, 1, 1, bias=False).requires_grad_(False)
        self.mean.weight.data[:] = torch.arange(self.bins).view(1, -1, 1, 1)

    def raw(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """[N, 4 * bins, A], [N, C, A], the centres [1, 2, A] and the strides [1, A]."""
        found, centres, strides = [], [], []
        heads = zip(self.backbone(x), self.distances, self.classes, STRIDES, strict=True)
        for features, distances, classes, stride in heads:
            y = torch.cat([distances(features), classes(features)], 1)
            centres.append((cells(*y.shape[2:]) + 0.5).view(-1, 2).T)
            strides.append(torch.full((1, y.shape[2] * y.shape[3]), float(stride)))
            found.append(y.flatten(2))
        boxes, scores = torch.cat(found, 2).split((4 * self.bins, CLASSES), 1)
        return boxes, scores, torch.cat(centres, 1)[None].to(x.dtype), torch.cat(strides, 1)

    def forward(self, x: Tensor) -> Tensor:
        boxes, scores, centres, strides = self.raw(x)
        n, _, a = boxes.shape
        spread = boxes.view(n, 4, self.bins, a).transpose(2, 1).softmax(1)
        before, behind = self.mean(spread).view(n, 4, a).chunk(2, 1)
        start, end = centres - before, centres + behind
        place = torch.cat([(start + end) / 2, end - start], 1) * strides.to(x.dtype)
        return torch.cat([place, scores.sigmoid()], 1)

    def parts(self, x: Tensor) -> dict[str, Tensor]:
        boxes = self(x).transpose(1, 2)
        return {
            "logits": self.raw(x)[1].transpose(1, 2),
            "boxes": corners(boxes[..., :2], boxes[..., 2:4]),
        }


class PriorDetector(nn.Module):
    """As SSD: scores [N, A, 1 + C] by a softmax, background first, and boxes [N, A, 4] of 0-1."""

    sizes = ((0.2, 0.3), (0.45, 0.6))

    def __init__(self) -> None:
        super().__init__()
        self.backbone = Backbone(nn.ReLU)
        self.scores = nn.ModuleList(nn.Conv2d(16, 2 * (1 + CLASSES), 1) for _ in STRIDES)
        self.places = nn.ModuleList(nn.Conv2d(16, 2 * 4, 1) for _ in STRIDES)

    def raw(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits [N, A, 1 + C], offsets [N, A, 4], priors [A, 4]: their centres and sizes."""
        scores, places, priors = [], [], []
        heads = zip(self.backbone(x), self.scores, self.places, self.sizes, strict=True)
        for features, score, place, sizes in heads:
            n, _, h, w = features.shape
            scores.append(score(features).permute(0, 2, 3, 1).reshape(n, -1, 1 + CLASSES))
            places.append(place(features).permute(0, 2, 3, 1).reshape(n, -1, 4))
            centre = ((cells(h, w) + 0.5) / torch.tensor([w, h])).view(-1, 1, 2).expand(-1, 2, 2)
            size = torch.tensor([[s, s] for s in sizes]).expand(h * w, 2, 2)
            priors.append(torch.cat([centre, size], -1).view(-1, 4))
        return torch.cat(scores, 1), torch.cat(places, 1), torch.cat(priors).to(x.dtype)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        scores, places, priors = self.raw(x)
        centre = priors[:, :2] + places[..., :2] * 0.1 * priors[:, 2:]
        size = priors[:, 2:] * torch.exp(places[..., 2:] * 0.2)
        return scores.softmax(-1), corners(centre, size)

    def parts(self, x: Tensor) -> dict[str, Tensor]:
        size = torch.tensor([WIDTH, HEIGHT, WIDTH, HEIGHT], dtype=x.dtype)
        return {"logits": self.raw(x)[0], "boxes": self(x)[1] * size}


class CentreDetector(nn.Module):
    """As CenterNet: a heat map for each class, sizes and offsets at a quarter of the input."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(convolution(3, 8, 2, nn.ReLU), convolution(8, 12, 2, nn.ReLU))
        self.heat, self.size, self.offset = (nn.Conv2d(12, k, 1) for k in (CLASSES, 2, 2))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        features = self.features(x)
        return self.heat(features).sigmoid(), self.size(features), self.offset(features)

    def parts(self, x: Tensor) -> dict[str, Tensor]:
        heat, size, offset = (
            y.flatten(2).transpose(1, 2) for y in (self.heat(self.features(x)), *self(x)[1:])
        )
        centre = cells(HEIGHT // 4, WIDTH // 4).view(-1, 2).to(x.dtype) + offset
        return {"logits": heat, "boxes": corners(centre, size) * 4}


class UNet(nn.Module):
    """Logits [N, C, H, W] of a network with one way down and up, and a skip connection."""

    def __init__(self) -> None:
        super().__init__()
        self.first = convolution(3, 8, 1, nn.ReLU)
        self.down = convolution(8, 16, 2, nn.ReLU)
        self.up = nn.ConvTranspose2d(16, 8, 2, 2)
        self.last = nn.Sequential(convolution(16, 8, 1, nn.ReLU), nn.Conv2d(8, CLASSES, 1))

    def forward(self, x: Tensor) -> Tensor:
        first = self.first(x)
        return self.last(torch.cat([first, self.up(self.down(first))], 1))


class TwoHeaded(nn.Module):
    """Logits of 5 classes, and probabilities of 3 others."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            convolution(3, 8, 2, nn.ReLU), nn.AdaptiveAvgPool2d(2), nn.Flatten()
        )
        self.kinds, self.poses = nn.Linear(32, 5), nn.Linear(32, 3)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.features(x)
        return self.kinds(features), self.poses(features).softmax(1)


class TwoPictures(nn.Module):
    """Logits of 3 classes from how the features of two pictures differ, as Siamese networks do."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            convolution(3, 8, 2, nn.ReLU), nn.AdaptiveAvgPool2d(2), nn.Flatten()
        )
        self.same = nn.Linear(32, 3)

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return self.same((self.features(left) - self.features(right)).abs())


DETECTORS: dict[str, tuple[type[nn.Module], tuple[str, ...]]] = {
    "anchors": (AnchorDetector, ("output",)),
    "distances": (DistanceDetector, ("output0",)),
    "priors": (PriorDetector, ("scores", "boxes")),
    "centres": (CentreDetector, ("hm", "wh", "reg")),
}
