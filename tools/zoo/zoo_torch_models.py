"""The networks of PyTorch's zoo: transformers' and timm's with random weights, and small ones."""

# mypy: disable-error-code="misc"
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

TIMM = (  # noqa: SIM905
    "resnet18 resnet26d seresnet50 res2net50_14w_8s resnest14d regnetx_002 regnety_002 repvgg_a0 "
    "dla34 hrnet_w18_small densenet121 dpn48b ese_vovnet19b_dw cspresnet50 ghostnet_050 "
    "mobilenetv3_small_050 mnasnet_050 efficientnet_b0 tf_efficientnet_b0 tf_efficientnetv2_b0 "
    "mixnet_s tf_mixnet_s fbnetc_100 lcnet_035 mobileone_s0 nf_regnet_b0 resnetv2_50 skresnet18 "
    "selecsls42 xception41 inception_v3 convnext_atto convnextv2_atto inception_next_atto "
    "poolformerv2_s12 poolformer_s12 edgenext_xx_small efficientformer_l1 efficientvit_b0 "
    "fastvit_t8 repghostnet_050 rexnet_100 starnet_s1 gernet_s ecaresnet26t botnet26t_256 "
    "lambda_resnet26t levit_128s resnetv2_50x1_bit darknet53 "
    "tinynet_e hardcorenas_a convmixer_768_32 "
    "resnetblur50 gcresnet33ts mobilenetv4_conv_small "
    "repvit_m0_9 hgnetv2_b0 vovnet39a coat_lite_tiny "
    "caformer_s18 visformer_tiny crossvit_9_240 mobilevit_xxs vit_tiny_patch16_224 mixer_s32_224 "
    "nfnet_l0 eca_nfnet_l0 tresnet_m cs3darknet_s legacy_senet154 pnasnet5large"
).split()

FIXED = (
    "levit",
    "efficientformer_",
    "crossvit",
    "vit_tiny",
    "mixer",
    "visformer",
    "coat_",
    "botnet",
    "lambda",
)
"""Those that take pictures of one size only."""

TRANSFORMERS: dict[str, dict[str, Any]] = {
    "ResNet": {"depths": [1, 1, 1, 1], "hidden_sizes": [16, 24, 32, 48], "embedding_size": 16},
    "RegNet": {
        "depths": [1, 1, 2, 1],
        "hidden_sizes": [16, 32, 48, 64],
        "embedding_size": 16,
        "groups_width": 8,
    },
    "ConvNext": {"depths": [1, 1, 2, 1], "hidden_sizes": [16, 24, 32, 48]},
    "ConvNextV2": {"depths": [1, 1, 2, 1], "hidden_sizes": [16, 24, 32, 48]},
    "EfficientNet": {"width_coefficient": 0.5, "depth_coefficient": 0.5, "hidden_dim": 640},
    "MobileNetV1": {"depth_multiplier": 0.5},
    "MobileNetV2": {"depth_multiplier": 0.5},
    "Bit": {"depths": [1, 1, 1, 1], "hidden_sizes": [32, 64, 64, 96], "embedding_size": 32},
    "PoolFormer": {"depths": [1, 1, 1, 1], "hidden_sizes": [16, 24, 32, 48]},
    "HGNetV2": {},
    "PPLCNet": {},
    "FocalNet": {"image_size": 64, "depths": [1, 1, 1, 1], "embed_dim": 16},
    "MobileViT": {"image_size": 64},
    "MobileViTV2": {"image_size": 64, "width_multiplier": 0.5},
    "SwiftFormer": {},
    "Segformer": {"depths": [1, 1, 1, 1]},
    "TextNet": {},
    "Cvt": {"depth": [1, 1, 1]},
    "PvtV2": {"depths": [1, 1, 1, 1], "image_size": 64},
    "Swin": {
        "image_size": 64,
        "depths": [1, 1],
        "num_heads": [2, 2],
        "embed_dim": 16,
        "window_size": 4,
    },
    "ViT": {"image_size": 64, "num_hidden_layers": 2},
}


SPELLED = ("fn_clamp", "fn_mask", "fn_where", "fn_maximum", "act_hardtanh")
"""Those whose ReLU the reference cannot replace: the plain gradient alone is stored."""


class Call(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


class Norm(nn.Module):
    """Layer normalisation over channels of [N, C, H, W], by moving them to the back."""

    def __init__(self, channels: int, rms: bool = False) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(channels) if rms else nn.LayerNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        moved: Tensor = self.norm(x.permute(0, 2, 3, 1))
        return moved.permute(0, 3, 1, 2)


class UNet(nn.Module):
    """Two levels down and up again."""

    def __init__(self, up: str) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.second = nn.Sequential(nn.Conv2d(8, 12, 3, padding=2, dilation=2), nn.ReLU())
        self.bottom = nn.Sequential(nn.Conv2d(12, 16, 3, padding=1), nn.ReLU())
        self.up, rows = up, {"transpose": (12, 8), "shuffle": (4, 3)}.get(up, (16, 12))
        if up == "transpose":
            self.grow = nn.ModuleList(
                [nn.ConvTranspose2d(16, 12, 2, 2), nn.ConvTranspose2d(12, 8, 2, 2)]
            )
        self.join = nn.ModuleList(
            [nn.Conv2d(rows[0] + 12, 12, 3, padding=1), nn.Conv2d(rows[1] + 8, 8, 3, padding=1)]
        )
        self.last = nn.Conv2d(8, 3, 1)

    def _grown(self, x: Tensor, like: Tensor, level: int) -> Tensor:
        if self.up == "transpose":
            return functional.relu(self.grow[level](x))
        if self.up == "shuffle":
            return functional.pixel_shuffle(x, 2)
        if self.up == "size":
            return functional.interpolate(x, like.shape[2:], mode="bilinear", align_corners=True)
        corners = None if self.up.startswith("nearest") else False
        return functional.interpolate(x, scale_factor=2, mode=self.up, align_corners=corners)

    def forward(self, x: Tensor) -> Tensor:
        a = self.first(x)
        b = self.second(functional.max_pool2d(a, 2))
        x = self.bottom(functional.avg_pool2d(b, 2))
        for level, skip in enumerate((b, a)):
            x = functional.relu(self.join[level](torch.cat([self._grown(x, skip, level), skip], 1)))
        return self.last(x)


def _net(*middle: nn.Module, channels: int = 8, stride: int = 2) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, stride, padding=1),
        nn.ReLU(),
        *middle,
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(channels, 5),
    )


def _fn(function: Callable[[Tensor], Tensor], channels: int = 8) -> nn.Module:
    return _net(nn.Conv2d(8, 8, 3, padding=1), Call(function), nn.Conv2d(channels, 8, 3), nn.ReLU())


def _flat(function: Callable[[Tensor], Tensor], features: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, padding=1),
        nn.ReLU(),
        Call(function),
        nn.Flatten(),
        nn.Linear(features, 5),
    )


F = functional
SMALL: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    **{
        f"unet_{up}": (lambda up=up: UNet(up), (3, 32, 24))
        for up in (
            "transpose",
            "shuffle",
            "size",
            "nearest",
            "bilinear",
            "bicubic",
            "nearest-exact",
        )
    },
    "group": (lambda: _net(nn.GroupNorm(2, 8), nn.ReLU(), nn.Conv2d(8, 8, 3)), (3, 24, 20)),
    "instance": (
        lambda: _net(nn.InstanceNorm2d(8, affine=True), nn.ReLU(), nn.Conv2d(8, 8, 3)),
        (3, 24, 20),
    ),
    "instance_plain": (
        lambda: _net(nn.InstanceNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3)),
        (3, 24, 20),
    ),
    "layer": (lambda: _net(Norm(8), nn.ReLU()), (3, 24, 20)),
    "layer_whole": (lambda: _net(nn.LayerNorm([8, 12, 10]), nn.ReLU()), (3, 24, 20)),
    "rms": (lambda: _net(Norm(8, rms=True), nn.ReLU()), (3, 24, 20)),
    "batch_train": (
        lambda: _net(nn.BatchNorm2d(8, track_running_stats=False), nn.ReLU()),
        (3, 24, 20),
    ),
    **{
        f"act_{a.__name__.lower()}": (lambda a=a: _net(nn.Conv2d(8, 8, 3), a()), (3, 20, 20))
        for a in (
            nn.SiLU,
            nn.GELU,
            nn.Mish,
            nn.Hardswish,
            nn.Hardsigmoid,
            nn.ELU,
            nn.CELU,
            nn.SELU,
            nn.Softplus,
            nn.Softsign,
            nn.Tanhshrink,
            nn.Softshrink,
            nn.Hardshrink,
            nn.LogSigmoid,
            nn.PReLU,
            nn.RReLU,
            nn.LeakyReLU,
            nn.ReLU6,
            nn.Hardtanh,
        )
    },
    "act_gelu_tanh": (lambda: _net(nn.Conv2d(8, 8, 3), nn.GELU("tanh")), (3, 20, 20)),
    "act_threshold": (lambda: _net(nn.Conv2d(8, 8, 3), nn.Threshold(0.1, 0.0)), (3, 20, 20)),
    "act_glu": (lambda: _net(nn.Conv2d(8, 8, 3), nn.GLU(1), channels=4), (3, 20, 20)),
    **{
        f"fn_{name}": (lambda f=f, c=c: _fn(f, c), (3, 20, 20))
        for name, f, c in (
            ("clamp_min", lambda a: a.clamp(min=0), 8),
            ("clamp", lambda a: a.clamp(0, 1), 8),
            ("maximum", lambda a: torch.maximum(a, torch.zeros_like(a)), 8),
            ("where", lambda a: torch.where(a > 0, a, 0.0), 8),
            ("mask", lambda a: a * (a > 0), 8),
            ("half_abs", lambda a: (a + a.abs()) * 0.5, 8),
            ("pad_reflect", lambda a: F.pad(a, (1, 2, 2, 1), "reflect"), 8),
            ("pad_replicate", lambda a: F.pad(a, (1, 2, 2, 1), "replicate"), 8),
            ("pad_circular", lambda a: F.pad(a, (1, 2, 2, 1), "circular"), 8),
            ("unfold", lambda a: F.unfold(a, 3, padding=1).reshape(a.shape[0], 72, 10, 10), 72),
            ("shuffle", lambda a: F.channel_shuffle(a, 2), 8),
            ("unshuffle", lambda a: F.pixel_unshuffle(a, 2), 32),
            ("roll", lambda a: torch.roll(a, (1, 2), (2, 3)), 8),
            ("flip", lambda a: a.flip(3), 8),
            ("lp", lambda a: F.lp_pool2d(a, 2.0, 2), 8),
            ("norm", lambda a: F.normalize(a, dim=1), 8),
            (
                "std",
                lambda a: (a - a.mean((2, 3), keepdim=True)) / (a.std((2, 3), keepdim=True) + 0.1),
                8,
            ),
            ("var", lambda a: a / (a.var(1, keepdim=True, unbiased=False) + 0.1).sqrt(), 8),
            ("l2", lambda a: a / (a.norm(2, 1, keepdim=True) + 0.1), 8),
            ("lrn", lambda a: F.local_response_norm(a, 3), 8),
            ("softmax2", lambda a: a * F.softmax(a.flatten(2), -1).view_as(a) * 50, 8),
            (
                "einsum",
                lambda a: (
                    torch.einsum("nchw,ndhw->ncd", a, a).unsqueeze(-1).expand(-1, -1, -1, 8) * 0.1
                ),
                8,
            ),
            ("cumsum", lambda a: a.cumsum(3) * 0.1, 8),
            ("prod", lambda a: a * (1 + 0.1 * a[:, :3]).prod(1, keepdim=True), 8),
            ("topk", lambda a: a.topk(4, 3)[0], 8),
            ("sort", lambda a: a.sort(1)[0], 8),
            (
                "amax",
                lambda a: torch.cat([a, a.amax(1, keepdim=True), a.mean(1, keepdim=True)], 1),
                10,
            ),
            ("logsumexp", lambda a: a - a.logsumexp(1, keepdim=True), 8),
            ("masked_fill", lambda a: a.masked_fill(a > 1, 0.5), 8),
            ("index", lambda a: a[:, [0, 3, 3, 1, 2, 7, 6, 5]], 8),
            ("scatter", lambda a: a.index_add(1, torch.tensor([0, 3]), a[:, 1:3]), 8),
            (
                "chunk",
                lambda a: torch.cat([c * (i + 1) for i, c in enumerate(a.chunk(2, 1))][::-1], 1),
                8,
            ),
            ("stack", lambda a: torch.stack([a, a.relu() * 0.3], 0).sum(0), 8),
            (
                "unbind",
                lambda a: sum(p * i for i, p in enumerate(a.unsqueeze(2).unbind(1), 1)).expand(
                    -1, 8, -1, -1
                ),
                8,
            ),
            ("repeat", lambda a: a.repeat(1, 2, 1, 1), 16),
            ("repeat_interleave", lambda a: a.repeat_interleave(2, 1), 16),
            (
                "grid",
                lambda a: F.grid_sample(
                    a,
                    F.affine_grid(
                        torch.eye(2, 3)[None].to(a).expand(a.shape[0], 2, 3) * 0.8,
                        list(a.shape),
                        False,
                    ),
                    align_corners=False,
                ),
                8,
            ),
            (
                "attention",
                lambda a: F.scaled_dot_product_attention(
                    a.flatten(2), a.flatten(2), a.flatten(2)
                ).view_as(a),
                8,
            ),
            ("pow", lambda a: a.relu() ** 1.7 + a**2 - a**3 * 0.1, 8),
            ("rsqrt", lambda a: a * (a * a + 0.3).rsqrt() + (a.abs() + 0.2).reciprocal() * 0.1, 8),
            (
                "trig",
                lambda a: (
                    a.sin()
                    + a.cos() * 0.2
                    + a.atan()
                    + torch.log1p(a.relu())
                    + torch.expm1(-a.abs())
                ),
                8,
            ),
            ("atan2", lambda a: torch.sinh(a * 0.3) + torch.asinh(a) + torch.erf(a), 8),
            ("floor", lambda a: a - a.floor() * 0.5, 8),
            ("mod", lambda a: torch.remainder(a, 0.7), 8),
            ("addcmul", lambda a: torch.addcmul(a, a, a.sigmoid(), value=0.3).lerp(a, 0.2), 8),
            (
                "fft_free_blur",
                lambda a: F.conv2d(
                    a, torch.ones(8, 1, 3, 3).to(a) / 9, stride=1, padding=1, groups=8
                ),
                8,
            ),
        )
    },
    "adaptive_3x2": (lambda: _flat(nn.AdaptiveAvgPool2d((3, 2)), 48), (3, 24, 16)),
    "adaptive_uneven": (lambda: _flat(nn.AdaptiveAvgPool2d((5, 3)), 120), (3, 24, 20)),
    "adaptive_max": (lambda: _flat(nn.AdaptiveMaxPool2d((3, 2)), 48), (3, 24, 16)),
    "ceil": (
        lambda: _flat(
            nn.Sequential(
                nn.MaxPool2d(3, 2, ceil_mode=True), nn.AvgPool2d(3, 2, 1, ceil_mode=True)
            ),
            96,
        ),
        (3, 22, 24),
    ),
    "dilated_pool": (lambda: _flat(nn.MaxPool2d(2, 1, dilation=2), 640), (3, 24, 20)),
    "unpool": (
        lambda: _flat(
            Call(lambda a: F.max_unpool2d(*F.max_pool2d(a, 2, return_indices=True), 2)), 960
        ),
        (3, 24, 20),
    ),
    "one_d": (
        lambda: nn.Sequential(
            nn.Conv1d(4, 8, 5),
            nn.ReLU(),
            nn.MaxPool1d(2),
            nn.BatchNorm1d(8),
            nn.Conv1d(8, 8, 3, dilation=2),
            nn.ReLU(),
            nn.ConvTranspose1d(8, 6, 4, 2, 1),
            nn.ReLU(),
            nn.AdaptiveMaxPool1d(1),
            nn.Flatten(),
            nn.Linear(6, 4),
        ),
        (4, 64),
    ),
    "three_d": (
        lambda: nn.Sequential(
            nn.Conv3d(2, 6, 3, padding=1),
            nn.BatchNorm3d(6),
            nn.ReLU(),
            nn.MaxPool3d(2),
            nn.Conv3d(6, 8, (1, 3, 3)),
            nn.ReLU(),
            nn.Upsample(scale_factor=2, mode="trilinear"),
            nn.ConvTranspose3d(8, 4, 2, 2),
            nn.ReLU(),
            nn.AdaptiveAvgPool3d(1),
            nn.Flatten(),
            nn.Linear(4, 3),
        ),
        (2, 8, 12, 12),
    ),
    "rnn": (
        lambda: nn.Sequential(
            nn.Conv1d(4, 8, 5),
            nn.ReLU(),
            Call(lambda a: a.transpose(1, 2)),
            nn.LSTM(8, 6, batch_first=True),
            Call(lambda a: a[0][:, -1]),
            nn.Linear(6, 4),
        ),
        (4, 32),
    ),
}
