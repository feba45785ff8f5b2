"""The stage `markdown-optimizer`: one way to write Markdown, no word lost."""

from stages.optimizer.executor import MarkdownOptimizer, OptimizerOptions, optimize

__all__ = ["MarkdownOptimizer", "OptimizerOptions", "optimize"]
