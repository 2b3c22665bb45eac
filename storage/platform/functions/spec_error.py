"""A function.yaml that cannot be used, said so that its author finds the place and knows a way."""


class SpecError(Exception):
    """`line` counts from 1; `field` is like `scale.target` or `triggers[0].cron`.

    Either may be missing: a file that cannot be read has no line, one that is no YAML no field.
    """

    def __init__(
        self,
        *,
        file: str,
        reason: str,
        advice: str,
        line: int | None = None,
        field: str | None = None,
    ) -> None:
        place = file if line is None else f"{file}:{line}"
        where = place if not field else f"{place}: {field}"
        super().__init__(f"{where}: {reason}; {advice}")
        self.file = file
        self.line = line
        self.field = field
        self.reason = reason
        self.advice = advice
