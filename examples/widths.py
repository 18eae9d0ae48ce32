"""What groups buy: the parameters and MACs of ShuffleNet at the published widths of Table 1."""

from __future__ import annotations

import shufflenet_flops as sf

for g in (1, 2, 3, 4, 8):
    model = sf.find(f"shufflenet_v1_x1_0_g{g}")
    table = sf.layer_table(model.spec, model.input)
    busiest = max(table.by("stage").items(), key=lambda item: item[1].macs)
    print(
        f"g={g}: {table.macs / 1e6:7.2f} MMAC, {table.params / 1e6:.2f} M parameters; "
        f"{busiest[0]} takes {100 * busiest[1].macs / table.macs:.0f} % of the MACs"
    )
