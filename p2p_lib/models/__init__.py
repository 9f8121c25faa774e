"""The networks: generators that translate, discriminators that judge."""

from p2p_lib.models import foreign
from p2p_lib.models.patchgan import PatchDiscriminator
from p2p_lib.models.resnet import ResNetGenerator
from p2p_lib.models.unet import UNetGenerator

__all__ = ["PatchDiscriminator", "ResNetGenerator", "UNetGenerator", "foreign"]
