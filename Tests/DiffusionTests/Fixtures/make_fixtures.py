"""Tiny UNet2DModel checkpoints with the outputs diffusers computes from them, and two TorchScript priors.

    python make_fixtures.py        (writes beside itself; see README.md for the versions used)
"""

import json
import pathlib

import diffusers
import safetensors.torch
import torch

HERE = pathlib.Path(__file__).resolve().parent

COMMON = dict(sample_size=None, in_channels=1, out_channels=1)

CASES = {
    # The defaults of diffusers, without attention anywhere.
    "plain": dict(
        COMMON, block_out_channels=(4, 4, 8), layers_per_block=1, norm_num_groups=2, add_attention=False,
        down_block_types=("DownBlock2D",) * 3, up_block_types=("UpBlock2D",) * 3),
    # Attention at one level of each way, and in the middle.
    "attention": dict(
        COMMON, block_out_channels=(8, 8), layers_per_block=1, norm_num_groups=4, add_attention=True,
        attention_head_dim=8, attn_norm_num_groups=2,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"), up_block_types=("AttnUpBlock2D", "UpBlock2D")),
    # Everything that differs from the defaults at once; the attention in the middle has no norm here.
    "shifted": dict(
        COMMON, in_channels=2, out_channels=2, block_out_channels=(4, 8), layers_per_block=2, norm_num_groups=2,
        norm_eps=1e-3, add_attention=True, attention_head_dim=None, resnet_time_scale_shift="scale_shift",
        downsample_padding=0, freq_shift=1, flip_sin_to_cos=False, center_input_sample=True,
        down_block_types=("AttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "AttnUpBlock2D")),
}

# Settings that change the output and not the weights: one more output from the same file.
VARIANTS = {"attention": dict(attention_head_dim=4)}

STEPS = [3, 871]


def perturbed(model):
    """Random weights everywhere: what diffusers starts at 0 or 1 would hide mistakes."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return model.eval()


def output(model, x):
    with torch.no_grad():
        return model(x, torch.tensor(STEPS)).sample.contiguous()


def main():
    for name, settings in CASES.items():
        torch.manual_seed(0)
        folder = HERE / name
        model = perturbed(diffusers.UNet2DModel(**settings))
        model.save_pretrained(folder)
        x = torch.randn(len(STEPS), settings["in_channels"], 12, 16)
        found = {"input": x, "output": output(model, x)}
        if name in VARIANTS:
            other = diffusers.UNet2DModel(**{**settings, **VARIANTS[name]})
            other.load_state_dict(model.state_dict())
            found["variant"] = output(other.eval(), x)
        safetensors.torch.save_file(
            found, folder / "expected.safetensors",
            metadata={"steps": json.dumps(STEPS), "diffusers": diffusers.__version__, "torch": torch.__version__})
    diffusers.DDPMScheduler(num_train_timesteps=1000).save_pretrained(HERE / "plain")

    class Shrink(torch.nn.Module):
        """ε = x/2 + t/1000, which a test can check by hand."""

        def forward(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
            return 0.5 * x + t.to(x.dtype).reshape(-1, 1, 1, 1) / 1000.0

    class Crop(torch.nn.Module):
        """No prior: the output is smaller than the input."""

        def forward(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
            return x[:, :, 1:]

    torch.jit.script(Shrink()).save(str(HERE / "shrink.pt"))
    torch.jit.script(Crop()).save(str(HERE / "crop.pt"))


main()
