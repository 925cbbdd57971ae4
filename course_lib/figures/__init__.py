"""Pictures of the book, still and movable, in one style that follows the page's light or dark theme."""

from .bars import bars
from .clip_slider import ClipSlider
from .credit_slider import CreditSlider, ScoredAnswer
from .diagram import decoder_diagram
from .drag_query import DragQuery
from .format_picker import FormatPicker, Formatted
from .frontier import Frontier, Moment, PolicyResult
from .head_picker import HeadPicker, Look
from .mask_and_heads import MaskAndHeads
from .memory_slider import MemorySlider
from .merge_steps import MergeSteps
from .objective_picker import ObjectivePicker
from .parameter_treemap import ParameterTreemap
from .picture import Picture, show
from .plots import attention_map, count_table, distribution, lines, token_strip, visible
from .rank_by_hand import Answers, RankByHand
from .residual_depth import ResidualDepth
from .run_watcher import RunWatcher, WatchedRun
from .sampler import LiveSampler
from .scratchpad_toggle import ScratchpadToggle, Solution
from .sentinel_builder import Gaps, SentinelBuilder
from .shots_slider import GrowingPrompt, ShotsSlider
from .style import PALETTE, SERIES, use_style
from .temperature import Temperature
from .template_editor import Graded, TemplateEditor
from .training_steps import KeptStep, TrainingSteps
from .trees import merge_tree
from .twin import TwinWidget

__all__ = [
    "PALETTE",
    "SERIES",
    "Answers",
    "ClipSlider",
    "CreditSlider",
    "DragQuery",
    "FormatPicker",
    "Formatted",
    "Frontier",
    "Gaps",
    "Graded",
    "GrowingPrompt",
    "HeadPicker",
    "KeptStep",
    "LiveSampler",
    "Look",
    "MaskAndHeads",
    "MemorySlider",
    "MergeSteps",
    "Moment",
    "ObjectivePicker",
    "ParameterTreemap",
    "Picture",
    "PolicyResult",
    "RankByHand",
    "ResidualDepth",
    "RunWatcher",
    "ScoredAnswer",
    "ScratchpadToggle",
    "SentinelBuilder",
    "ShotsSlider",
    "Solution",
    "Temperature",
    "TemplateEditor",
    "TrainingSteps",
    "TwinWidget",
    "WatchedRun",
    "attention_map",
    "bars",
    "count_table",
    "decoder_diagram",
    "distribution",
    "lines",
    "merge_tree",
    "show",
    "token_strip",
    "use_style",
    "visible",
]
