from making.common import Options


def setup(options: Options) -> None: ...
