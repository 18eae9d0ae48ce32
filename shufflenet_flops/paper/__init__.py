"""The papers' tables, cell by cell: printed, computed, and under which convention."""

from shufflenet_flops.paper.printed import PrintedCell as PrintedCell
from shufflenet_flops.paper.printed import PublishedTable as PublishedTable
from shufflenet_flops.paper.published import load_table as load_table
from shufflenet_flops.paper.published import parse_table as parse_table
from shufflenet_flops.paper.published import table_names as table_names
from shufflenet_flops.paper.reading import Reading as Reading
from shufflenet_flops.paper.reproduce import AlternativeResult as AlternativeResult
from shufflenet_flops.paper.reproduce import CellResult as CellResult
from shufflenet_flops.paper.reproduce import reproduce as reproduce
from shufflenet_flops.paper.table_lookup import find_tables as find_tables
from shufflenet_flops.paper.verdict import CellVerdict as CellVerdict
from shufflenet_flops.paper.verdict import Judgement as Judgement
from shufflenet_flops.paper.verdict import judge as judge
