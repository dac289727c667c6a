"""A question to whoever sits here; where nobody does, four lines that say how to answer beforehand."""

from __future__ import annotations

from sagemaker_gitops.errors import SettingsError


def agree(question: str) -> bool:
    """Return whether the answer is yes; silence and anything else are no."""
    return answer(f"{question} [y/N] ", "--yes").lower() in ("y", "yes")


def answer(question: str, option: str) -> str:
    """Return what was typed; raise SettingsError E511 where nobody can type."""
    try:
        return input(question).strip()
    except EOFError:
        raise SettingsError(f"""E511 nobody is here to answer
            {" ".join(question.split())}
            the standard input is closed or empty; nothing was changed
            in a script, answer beforehand: {option}""") from None
