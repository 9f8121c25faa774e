"""One step of BicycleGAN, against the same step written out plainly; who learns from what; and training it as any other task."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

import p2p_lib as p2p
from p2p_lib.bicyclegan import BicycleGAN, BicycleObjective, sample_code
from p2p_lib.bicyclegan import kl_divergence as ours
from p2p_lib.checkpoint import load_checkpoint, load_weights
from p2p_lib.errors import ConfigError

SMALL = {"image_size": 32, "jitter": 4, "receptive_field": 16, "ngf": 4, "ndf": 4, "nef": 4, "batch_size": 4, "nz": 3}
SHORT = {"steps": 6, "eval_every": 3, "save_every": 2, "dropout": False}


def small_bicycle(**changes) -> p2p.Task:
    return p2p.task("faces", "lite", **(SMALL | SHORT | changes))


def make_method(**changes) -> BicycleGAN:
    method = small_bicycle(**({"precision": "fp32"} | changes)).make_method(torch.device("cpu"))
    method.train()
    return method


def make_batch(count: int = 4, seed: int = 0) -> tuple[Tensor, Tensor]:
    both = torch.rand(2, count, 3, 32, 32, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    return both[0], both[1]


def grads(net: nn.Module) -> list[Tensor | None]:
    return [None if parameter.grad is None else parameter.grad.clone() for parameter in net.parameters()]


def squares(answers: list[Tensor], wanted: float) -> Tensor:
    """LSGAN over all scales: the sum of their mean squared distances to what is wanted."""
    return sum(((answer - wanted) ** 2).mean() for answer in answers)


def plain_step(nets: dict[str, nn.Module], source: Tensor, target: Tensor, task: p2p.Task) -> None:
    """The published step: the losses of G and E with both D as they are, the code's loss to G alone, and then both D."""
    adam = {name: torch.optim.Adam(net.parameters(), lr=task.lr, betas=task.betas) for name, net in nets.items()}
    for name in ("D", "D2"):
        adam[name].param_groups[0]["lr"] *= task.lr_d_factor
    G, E, D, D2 = nets.values()
    first, others = target[:2], target[2:]
    mean, log_variance = E(first)
    z = torch.randn(2, task.nz)
    encoded = G(source[:2], mean + torch.randn(2, task.nz) * (0.5 * log_variance).exp())
    random = G(source[:2], z)
    loss = squares(D(encoded), 1) + squares(D2(random), 1) + task.lambda_l1 * (encoded - first).abs().mean()
    loss = loss - task.lambda_kl / 2 * (1 + log_variance - mean**2 - log_variance.exp()).sum() / 2
    loss.backward(retain_graph=True)
    of_encoder = grads(E)
    (task.lambda_z * (E(random)[0] - z).abs().mean()).backward()
    for parameter, gradient in zip(E.parameters(), of_encoder, strict=True):
        parameter.grad = gradient
    adam["G"].step()
    adam["E"].step()
    for name, real, fake in (("D", first, encoded), ("D2", others, random)):
        adam[name].zero_grad()
        (squares(nets[name](real), 1) + squares(nets[name](fake.detach()), 0)).backward()
        adam[name].step()


def test_step_is_what_the_authors_do():
    strong = {"lambda_kl": 0.3, "lambda_z": 5.0, "norm": "none"}  # a bias before a norm has no gradient but rounding errors
    method, (source, target) = make_method(**strong), make_batch()
    plain = {name: copy.deepcopy(net) for name, net in method.networks.items()}
    torch.manual_seed(3)
    method.step(source, target)
    torch.manual_seed(3)
    plain_step(plain, source, target, small_bicycle(**strong))
    for name, net in method.networks.items():
        for (entry, a), b in zip(net.state_dict().items(), plain[name].state_dict().values(), strict=True):
            torch.testing.assert_close(a, b, atol=2e-5, rtol=1e-3, msg=f"{name} {entry}")


def test_the_encoder_learns_nothing_from_the_random_code():
    """The code's loss alone: G hears of it through E, and E stays as it was."""
    objective = BicycleObjective(lambda_l1=0.0, lambda_kl=0.0, lambda_z=1.0)
    seen = {}
    for weight in (0.0, 1.0):
        method = make_method()
        method.objective = BicycleObjective(**{**vars(objective), "lambda_z": weight})
        torch.manual_seed(0)
        method.step(*make_batch())
        seen[weight] = grads(method.netE), grads(method.netG)
    assert all(torch.equal(a, b) for a, b in zip(seen[0.0][0], seen[1.0][0], strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(seen[0.0][1], seen[1.0][1], strict=True) if a.abs().max() > 1e-6)


def test_every_network_moves_and_can_learn_again():
    method = make_method()
    before = {name: copy.deepcopy(net) for name, net in method.networks.items()}
    losses = method.step(*make_batch())
    assert list(losses) == ["G_gan", "G_l1", "G_gan2", "G_z", "E_kl", "D_real", "D_fake", "D2_real", "D2_fake"]
    assert not any(loss.requires_grad or loss.ndim for loss in losses.values())
    for name, net in method.networks.items():
        assert any(not torch.equal(a, b) for a, b in zip(net.parameters(), before[name].parameters(), strict=True)), name
        assert all(parameter.requires_grad for parameter in net.parameters())


def test_each_half_of_the_batch_has_its_part():
    """Sources of the second half are not looked at; its targets are what D2, and D2 alone, takes for real."""

    def after(change) -> dict[str, list[Tensor]]:
        source, target = make_batch()
        change(source, target)
        method = make_method()
        torch.manual_seed(0)
        method.step(source, target)
        return {name: list(net.parameters()) for name, net in method.networks.items()}

    def changed(one: dict, other: dict) -> set[str]:
        return {name for name in one if any(not torch.equal(a, b) for a, b in zip(one[name], other[name], strict=True))}

    plain = after(lambda source, target: None)
    assert changed(plain, after(lambda source, target: source[2:].zero_())) == set()
    assert changed(plain, after(lambda source, target: target[2:].zero_())) == {"D2"}
    assert changed(plain, after(lambda source, target: target[:2].zero_())) == {"G", "E", "D"}  # D2's fake is made before G learns


@pytest.mark.parametrize("count", [1, 3])
def test_a_batch_that_cannot_be_halved(count):
    with pytest.raises(ValueError, match=f"two equal halves; got {count} pictures"):
        make_method().step(*make_batch(count))


def test_kl_is_that_of_two_normal_distributions():
    mean, log_variance = torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(0))
    exact = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0)).sum(dim=1).mean()
    torch.testing.assert_close(ours(mean, log_variance), exact)
    assert ours(torch.zeros(2, 8), torch.zeros(2, 8)) == 0


def test_codes_are_drawn_from_the_encoders_distribution():
    mean, log_variance = torch.tensor([[2.0, -1.0]]), torch.tensor([[-4.0, 1.0]])
    torch.manual_seed(0)
    codes = sample_code(mean.expand(20_000, 2), log_variance.expand(20_000, 2))
    torch.testing.assert_close(codes.mean(dim=0), mean[0], atol=0.05, rtol=0)
    torch.testing.assert_close(codes.std(dim=0), (log_variance[0] / 2).exp(), atol=0.05, rtol=0)


@pytest.mark.parametrize(("name", "inject", "counts"), [("faces", "all", (54_794_627, 2_590_032, 3_458_978, 3_458_978))])
def test_the_reference_has_its_authors_numbers_of_parameters(name, inject, counts):
    with torch.device("meta"):
        task = p2p.task(name, "full")
        models = (p2p.models.UNetGenerator(norm="instance", nz=8, inject=inject), p2p.models.LatentEncoder())
    assert task.inject == inject
    sizes = [sum(parameter.numel() for parameter in net.parameters()) for net in models]
    assert tuple(sizes) == counts[:2]
    nets = (task.make_encoder(), task.make_discriminator(), task.make_discriminator(2))
    assert tuple(sum(parameter.numel() for parameter in net.parameters()) for net in nets) == counts[1:]
    assert not torch.equal(next(nets[1].parameters()), next(nets[2].parameters()))


def test_settings_are_those_of_the_two_projects():
    authors, pavel = p2p.task("faces", "full"), p2p.task("faces-pavel", "full")
    shared = {"method": "bicyclegan", "nz": 8, "gan_mode": "lsgan", "lambda_l1": 10, "d_loss_weight": 1, "dataset": "faces"}
    own = {"image_size": 256, "batch_size": 2, "lambda_z": 0.5, "lambda_kl": 0.01, "n_scales": 2, "norm": "instance", "lr": 2e-4}
    assert {field: getattr(authors, field) for field in shared | own} == shared | own
    own = {"image_size": 128, "batch_size": 16, "lambda_z": 0.6, "lambda_kl": 0.02, "n_scales": 3, "norm": "batch", "lr": 5e-4}
    assert {field: getattr(pavel, field) for field in shared | own} == shared | own
    assert pavel.betas[0] == 0.6 and pavel.epochs == 150


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"nz": 0}, "bicyclegan needs a latent code, and nz is 0; take nz 8, or method pix2pix"),
        ({"batch_size": 1}, "splits every batch in two, so batch_size is even; got 1: take 2"),
        ({"batch_size": 5}, "splits every batch in two, so batch_size is even; got 5: take 4 or 6"),
        ({"generator": "resnet6"}, "Only a U-Net takes a latent code; got nz 3 with generator resnet6"),
        ({"n_scales": 4}, "16 x 16 PatchGAN has no answer for a picture of side 4"),
        ({"n_scales": 2, "ndf": 1}, "n_scales 2 needs ndf 2 at least; got 1"),
        ({"n_scales": 0}, "n_scales must be greater than 0"),
        ({"lambda_kl": -0.1}, "lambda_kl must not be negative"),
        ({"method": "gan"}, "method is one of pix2pix, bicyclegan; got 'gan'"),
    ],
)
def test_settings_that_do_not_fit_are_refused(changes, sentence):
    with pytest.raises(ConfigError, match=sentence):
        small_bicycle(**changes)


class Counted(p2p.data.PairedImages):
    """Pairs that write down how many were asked for at once."""

    def batch(self, indices):
        self.asked = [*getattr(self, "asked", []), len(list(indices))]
        return super().batch(indices)


def test_no_batch_is_odd_however_many_pairs_there_are(make_pairs, tmp_path):
    train, val = make_pairs(7, 36, kind=Counted), make_pairs(3, 32)
    p2p.fit(small_bicycle(steps=0, epochs=3), tmp_path / "run", train=train, val=val, progress=False)
    assert set(train.asked) == {4}


@pytest.mark.parametrize("changes", [{}, {"method": "pix2pix"}])
def test_resumed_is_as_never_interrupted(make_pairs, tmp_path, changes):
    """BicycleGAN, and pix2pix with random codes."""
    train, val = make_pairs(5, 36), make_pairs(3, 32, seed=1)

    def fit(out: str, steps: int, **options) -> p2p.Run:
        task = small_bicycle(steps=steps, decay_from=1.0, **changes)
        return p2p.fit(task, tmp_path / out, train=train, val=val, progress=False, **options)

    whole = fit("whole", 6)
    fit("parts", 3)
    torch.manual_seed(99)
    parts = fit("parts", 6, resume=True)
    assert (whole.out / "weights.safetensors").read_bytes()[-5000:] == (parts.out / "weights.safetensors").read_bytes()[-5000:]
    states = [load_checkpoint(run.out / "last.pt")["method"] for run in (whole, parts)]
    torch.testing.assert_close(*states, rtol=0, atol=0)
    assert {"netG", "netD"} <= states[0].keys()
    assert (whole.out / "samples" / "step_000006.png").read_bytes() == (parts.out / "samples" / "step_000006.png").read_bytes()


def test_weights_hold_generator_and_encoder(make_pairs, tmp_path):
    run = p2p.fit(small_bicycle(), tmp_path / "run", train=make_pairs(5, 36), val=make_pairs(3, 32), progress=False)
    saved, state = load_weights(run.out / "weights.safetensors")[0], load_checkpoint(run.out / "last.pt")["method"]
    for name, prefix in (("netG", ""), ("netE", "E.")):
        for entry, tensor in state[name].items():
            torch.testing.assert_close(saved.pop(prefix + entry), tensor, check_dtype=False)
    assert not saved
    model = p2p.Translator.load(run.out)
    for entry, tensor in state["netE"].items():
        torch.testing.assert_close(model.netE.state_dict()[entry], tensor, check_dtype=False)
