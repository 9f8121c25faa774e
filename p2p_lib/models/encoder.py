"""The latent encoder of BicycleGAN (Zhu et al. 2017, arXiv:1711.11586, section 3.2; its published code's ResNet encoder).

Where the generator is asked "what might this sketch look like?", the encoder is asked "and which of all answers is this photo?". It
answers with a normal distribution over latent codes, one mean and one log-variance for each number of the code, so that codes of
similar photos overlap and every code in between means something. To draw from it: z = mean + exp(log_variance / 2) * noise.

    conv64 (s2), R128, R192, R256, R256, mean over the picture, then two linear layers to nz numbers      for 256 x 256
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from p2p_lib.models.blocks import Norm, norm_layer

MAX_WIDTH = 4  # in units of nef


class LatentEncoder(nn.Module):
    """Pictures (N, in_channels, H, W) in [-1, 1] -> mean and log-variance of their latent code, each (N, nz).

    Parameters
    ----------
    nz : length of the latent code.
    nef : filters of the first layer; the blocks have nef x (2, 3, 4, 4, ...).
    n_blocks : residual blocks, each of which halves the size: 4 for 256 px, 3 for 128 px (the published code counts the first
        convolution, too, and calls this 5 and 4). What is left, 8 x 8 at these sizes, is averaged, so other sizes fit as well.
    norm : as in `UNetGenerator`.

    The reference network (nz 8, nef 64, 4 blocks, instance norm) has 2,590,032 parameters.
    """

    def __init__(self, in_channels: int = 3, nz: int = 8, *, nef: int = 64, n_blocks: int = 4, norm: Norm = "instance") -> None:
        super().__init__()
        widths = [nef * min(i + 1, MAX_WIDTH) for i in range(n_blocks + 1)]
        self.first = nn.Conv2d(in_channels, nef, kernel_size=4, stride=2, padding=1)
        self.blocks = nn.Sequential(*(HalvingBlock(c_in, c_out, norm) for c_in, c_out in pairwise(widths)))
        self.pool = nn.Sequential(nn.LeakyReLU(0.2), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.mean = nn.Linear(widths[-1], nz)
        self.log_variance = nn.Linear(widths[-1], nz)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.pool(self.blocks(self.first(x)))  # (N, 4 nef)
        return self.mean(features), self.log_variance(features)


class HalvingBlock(nn.Module):
    """(N, c_in, H, W) -> (N, c_out, H/2, W/2): two times norm, LeakyReLU and 3 x 3 convolution, added to the input; all halved.

    Norm and activation come before the convolution (He et al. 2016, arXiv:1603.05027), so that the way past them is left linear.
    """

    def __init__(self, c_in: int, c_out: int, norm: Norm) -> None:
        super().__init__()
        self.change = nn.Sequential(
            norm_layer(norm, c_in),
            nn.LeakyReLU(0.2),
            nn.Conv2d(c_in, c_in, 3, padding=1),
            norm_layer(norm, c_in),
            nn.LeakyReLU(0.2),
            nn.Conv2d(c_in, c_out, 3, padding=1),
            nn.AvgPool2d(2),
        )
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(c_in, c_out, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.change(x) + self.shortcut(x)
