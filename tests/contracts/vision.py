"""torchvision where it is not compiled for this torch."""

from __future__ import annotations

import torch


def import_torchvision() -> None:
    """Import it where it is on the path, even beside a torch for which it is not compiled, as the one of PyPI is.

    The processors of Qwen3-VL need torchvision but none of its compiled operators; two must be known by name.
    """
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        for name in ("nms", "qnms"):
            torch.library.define(f"torchvision::{name}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
