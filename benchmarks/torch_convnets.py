"""PyTorch's side of `convnets.py`, started there by another interpreter: the same networks, written as is usual there.

Each network has as many weights as ours; `convnets.py` compares the numbers before it times anything.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from peers import serve
from torch import Tensor, nn
from torch.nn import functional as F


def norm_relu_conv(before: int, after: int, size: int) -> nn.Sequential:
    return nn.Sequential(
        nn.BatchNorm2d(before), nn.ReLU(inplace=True), nn.Conv2d(before, after, size, padding=size // 2, bias=False)
    )


def conv_norm(
    before: int, after: int, size: int, stride: int = 1, groups: int = 1, last: nn.Module | None = None
) -> nn.Sequential:
    conv = nn.Conv2d(before, after, size, stride, size // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(after), *([] if last is None else [last]))


def relu() -> nn.Module:
    return nn.ReLU(inplace=True)


class Residual(nn.Module):
    """relu(branch(x) + shortcut(x)); the shortcut is a projection, or zeros in new channels."""

    def __init__(self, branch: nn.Module, before: int, after: int, stride: int, project: bool) -> None:
        super().__init__()
        self.branch, self.stride, self.more = branch, stride, after - before
        changes = stride > 1 or after != before
        self.shortcut = conv_norm(before, after, 1, stride) if changes and project else None
        self.pads = changes and not project

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) to the same, or half as high and wide."""
        y = self.branch(x)
        if self.shortcut is not None:
            x = self.shortcut(x)
        elif self.pads:
            x = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.more))
        return F.relu(y + x, inplace=True)


def residual_net(blocks: tuple[int, ...], stem: int, outer: int, project: bool, branch: Callable) -> nn.Module:
    """A 3-wide stem, stages of blocks that double the width, the average and ten logits."""
    layers: list[nn.Module] = [conv_norm(3, stem, 3, last=relu())]
    before = stem
    for stage, count in enumerate(blocks):
        after = outer << stage
        for index in range(count):
            stride = 2 if stage and not index else 1
            layers.append(Residual(branch(before, after, stride, stage), before, after, stride, project))
            before = after
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, 10))


def basic(before: int, after: int, stride: int, stage: int) -> nn.Module:
    return nn.Sequential(conv_norm(before, after, 3, stride, last=relu()), conv_norm(after, after, 3))


def grouped(before: int, after: int, stride: int, stage: int) -> nn.Module:
    inner = 512 << stage
    middle = conv_norm(inner, inner, 3, stride, groups=8, last=relu())
    return nn.Sequential(conv_norm(before, inner, 1, last=relu()), middle, conv_norm(inner, after, 1))


class Inverted(nn.Module):
    """MobileNet V2's block."""

    def __init__(self, before: int, after: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = before * expansion
        expand = [conv_norm(before, inner, 1, last=nn.ReLU6(inplace=True))] if expansion > 1 else []
        depthwise = conv_norm(inner, inner, 3, stride, groups=inner, last=nn.ReLU6(inplace=True))
        self.branch = nn.Sequential(*expand, depthwise, conv_norm(inner, after, 1))
        self.adds = stride == 1 and before == after

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) to the same, or half as high and wide."""
        return x + self.branch(x) if self.adds else self.branch(x)


def mobilenet_v2() -> nn.Module:
    rows = ((1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
    layers: list[nn.Module] = [conv_norm(3, 32, 3, last=nn.ReLU6(inplace=True))]
    before = 32
    for expansion, after, count, stride in rows:
        for index in range(count):
            layers.append(Inverted(before, after, 1 if index else stride, expansion))
            before = after
    layers.append(conv_norm(320, 1280, 1, last=nn.ReLU6(inplace=True)))
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(1280, 10))


class Dense(nn.Module):
    """A layer of a dense block: its maps behind those that it reads."""

    def __init__(self, before: int, growth: int) -> None:
        super().__init__()
        self.new = nn.Sequential(norm_relu_conv(before, 4 * growth, 1), norm_relu_conv(4 * growth, growth, 3))

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) to the same with more channels."""
        return torch.cat([x, self.new(x)], 1)


def densenet() -> nn.Module:
    layers: list[nn.Module] = [nn.Conv2d(3, 24, 3, padding=1, bias=False)]
    channels = 24
    for stage in range(3):
        if stage:
            layers += [norm_relu_conv(channels, channels // 2, 1), nn.AvgPool2d(2)]
            channels //= 2
        for _ in range(16):
            layers.append(Dense(channels, 12))
            channels += 12
    end = [nn.BatchNorm2d(channels), relu(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10)]
    return nn.Sequential(*layers, *end)


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "resnet20": lambda: residual_net((3, 3, 3), 16, 16, False, basic),
    "resnet18": lambda: residual_net((2, 2, 2, 2), 64, 64, True, basic),
    "mobilenet_v2": mobilenet_v2,
    "densenet_bc100": densenet,
    "resnext29": lambda: residual_net((3, 3, 3), 64, 256, True, grouped),
}


def peer(network: str, batch: int, threads: int, layout: str) -> None:
    """Steps of a network, as many as each line of standard input asks for."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    layout = getattr(torch, layout)
    model = NETWORKS[network]().to(memory_format=layout)
    x = torch.randn(batch, 3, 32, 32).to(memory_format=layout)
    labels = torch.arange(batch) % 10

    def step() -> None:
        model.zero_grad(set_to_none=True)
        F.cross_entropy(model(x), labels).backward()

    serve(step, {"parameters": sum(weight.numel() for weight in model.parameters())})


if __name__ == "__main__":
    import json
    import sys

    peer(**json.loads(sys.argv[sys.argv.index("--peer") + 1]))
