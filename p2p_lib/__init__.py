"""The library behind the pix2pix course: paired image-to-image translation, from two folders of pictures to a trained model."""

from p2p_lib import color, data, device, diversity, latent, metrics, models, viz, viz_color
from p2p_lib.tasks import Task, task, tasks
from p2p_lib.training import Run, fit
from p2p_lib.translator import Translator

__version__ = "0.1.0"
__all__ = ["Run", "Task", "Translator", "color", "data", "device", "diversity", "fit", "latent", "metrics", "models"]
__all__ += ["task", "tasks", "viz", "viz_color"]
