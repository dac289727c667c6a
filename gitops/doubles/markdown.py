"""What GitHub makes of Markdown, and what in a text would be more than text."""

from __future__ import annotations

import re

from markdown_it import MarkdownIt

GFM = MarkdownIt("commonmark").enable(["table", "strikethrough"])


ACTIVE = re.compile(r"@[\w-]|#\d|\bGH-\d|://|www\.\w|\$\w", re.IGNORECASE)  # on GitHub, not in CommonMark
