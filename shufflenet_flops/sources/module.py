"""Where scripts of earlier versions import the names of `sources.torch_modules.module` from."""

from shufflenet_flops.sources.torch_modules.module import positional as positional
