"""What every List operation does: filter, sort, and give one page with a token for the next."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

from sagemaker_emulator import seams

FILTERS = {
    "CreationTimeAfter": ("CreationTime", 1),
    "CreationTimeBefore": ("CreationTime", -1),
    "LastModifiedTimeAfter": ("LastModifiedTime", 1),
    "LastModifiedTimeBefore": ("LastModifiedTime", -1),
}


def page(
    items: list[dict[str, Any]],
    params: dict[str, Any],
    key: str,
    name: str,
    status: str,
    default_sort: str = "CreationTime",
) -> dict[str, Any]:
    """Return {key: [...], "NextToken": ...} for what `params` asks; newest first unless it says otherwise.

    Raises AwsError for a token that is not ours.
    """
    found = [item for item in items if _wanted(item, params, name, status)]
    by = {"Name": name, "Status": status}.get(params.get("SortBy", default_sort), "CreationTime")
    found.sort(
        key=lambda item: item.get(by, ""), reverse=params.get("SortOrder", "Descending") == "Descending"
    )
    start = _offset(params.get("NextToken"))
    end = start + int(params.get("MaxResults") or 10)
    answer: dict[str, Any] = {key: found[start:end]}
    if end < len(found):
        answer["NextToken"] = base64.urlsafe_b64encode(str(end).encode()).decode()
    return answer


def _wanted(item: dict[str, Any], params: dict[str, Any], name: str, status: str) -> bool:
    if params.get("NameContains", "").lower() not in item.get(name, "").lower():
        return False
    if params.get("StatusEquals", item.get(status)) != item.get(status):
        return False
    for filter_name, (member, sign) in FILTERS.items():
        if filter_name in params:
            bound = _moment(params[filter_name])
            if (item[member] - bound).total_seconds() * sign < 0:
                return False
    return True


def _moment(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    return datetime.fromtimestamp(float(value), UTC)


def _offset(token: str | None) -> int:
    try:
        return int(base64.urlsafe_b64decode(token)) if token else 0
    except ValueError:
        raise seams.AwsError("ValidationException", "Invalid NextToken") from None
