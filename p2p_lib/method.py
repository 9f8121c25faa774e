"""What every way of training has in common: networks, an Adam for each, and their whole state."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from p2p_lib.device import Precision


class Method:
    """Networks by their names ("G", "D", ...), an Adam with a learning rate of its own for each, and the loss scaling of fp16.

    A method adds `step`, what one batch does to them, and says what it answers to a validation pair and what is saved for use.
    Network X is also at hand as the attribute `netX`; "G" is the generator.
    """

    def __init__(
        self, networks: dict[str, nn.Module], base_lr: dict[str, float], betas: tuple[float, float], precision: Precision
    ) -> None:
        self.networks, self.base_lr, self.precision = networks, base_lr, precision
        self.netG = networks["G"]
        self.device = next(self.netG.parameters()).device
        fused = self.device.type in ("cpu", "cuda")  # one pass over the weights instead of ten
        self.optimizers = {
            name: torch.optim.Adam(network.parameters(), lr=base_lr[name], betas=betas, fused=fused)
            for name, network in networks.items()
        }
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=precision == "fp16")

    def step(self, source: Tensor, target: Tensor) -> dict[str, Tensor]:
        """One optimisation step on pictures (N, C, H, W) in [-1, 1]; returns the losses before it as detached scalars."""
        raise NotImplementedError

    def answer(self, source: Tensor, target: Tensor) -> Tensor:
        """What validation compares to `target`, in evaluation mode: (N, C, H, W) in [-1, 1]."""
        return self.netG(source)

    def weights(self) -> dict[str, Tensor]:
        """The state dict of what is needed to use the model once it is trained."""
        return self.netG.state_dict()

    def set_lr_factor(self, factor: float) -> None:
        """Set all learning rates to `factor` times what they started from."""
        for name, optimizer in self.optimizers.items():
            for group in optimizer.param_groups:
                group["lr"] = self.base_lr[name] * factor

    def train(self, mode: bool = True) -> None:
        """Training mode (batch statistics, dropout), or evaluation mode."""
        for network in self.networks.values():
            network.train(mode)

    def state_dict(self) -> dict[str, Any]:
        """Everything that a step changes: networks, optimisers, loss scale."""
        networks = {f"net{name}": network.state_dict() for name, network in self.networks.items()}
        optimizers = {f"optimizer_{name}": optimizer.state_dict() for name, optimizer in self.optimizers.items()}
        return networks | optimizers | {"scaler": self.scaler.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Put back what `state_dict` gave."""
        for name in self.networks:
            self.networks[name].load_state_dict(state[f"net{name}"])
            self.optimizers[name].load_state_dict(state[f"optimizer_{name}"])
        self.scaler.load_state_dict(state["scaler"])
