"""The one place that decides on which device, and in which precision, a network runs."""

from __future__ import annotations

import contextlib
from typing import Literal

import torch

Precision = Literal["auto", "fp32", "bf16", "fp16"]
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def best_device() -> torch.device:
    """The fastest device at hand: a CUDA GPU, Apple's MPS, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def resolve_precision(precision: Precision, device: torch.device) -> Precision:
    """What "auto" means on this device: bf16 on Ampere and later, fp16 on older NVIDIA GPUs, bf16 on CPUs made for it, else fp32.

    A T4 (compute capability 7.5) answers that it supports bf16, but emulates it; so the capability is asked, not the support.
    """
    if precision != "auto":
        return precision
    if device.type == "cuda":
        return "bf16" if torch.cuda.get_device_capability(device) >= (8, 0) else "fp16"
    if device.type == "cpu" and cpu_computes_bf16():
        return "bf16"
    return "fp32"


def cpu_computes_bf16() -> bool:
    """Whether this CPU has instructions for bf16 (AVX-512 BF16 or AMX): benchmarks/RESULTS.md says what it gains."""
    tests = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")  # private, so their absence is no error
    return any(getattr(torch.cpu, test, bool)() for test in tests)


def autocast(device: torch.device, precision: Precision) -> contextlib.AbstractContextManager:
    """The context in which networks run in mixed precision; it does nothing for fp32."""
    if precision == "fp32":
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=DTYPES[precision])


def isolated_rng() -> contextlib.AbstractContextManager:
    """A context that leaves torch's global generators, the CPU's and the GPUs', as it found them."""
    return torch.random.fork_rng(devices=range(torch.cuda.device_count()))
