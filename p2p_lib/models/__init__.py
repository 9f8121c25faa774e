"""The networks: generators that translate, discriminators that judge, the encoder that finds a picture's latent code."""

from p2p_lib.models import foreign
from p2p_lib.models.encoder import LatentEncoder
from p2p_lib.models.patchgan import MultiScaleDiscriminator, PatchDiscriminator
from p2p_lib.models.resnet import ResNetGenerator
from p2p_lib.models.unet import UNetGenerator

__all__ = [
    "LatentEncoder",
    "MultiScaleDiscriminator",
    "PatchDiscriminator",
    "ResNetGenerator",
    "UNetGenerator",
    "foreign",
]
