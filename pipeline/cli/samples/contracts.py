"""A table of options on one share: calls and puts at several strikes."""

_KINDS = ("european-call", "european-put", "american-put")
_STRIKES = (80, 90, 100, 110, 120)


def strikes() -> bytes:
    """Return the table: three kinds of option at five strikes, for a year."""
    rows = [
        f"{kind}-{strike},{kind},100,{strike},0.05,0.2,1" for kind in _KINDS for strike in _STRIKES
    ]
    return "\n".join(["name,kind,spot,strike,rate,sigma,maturity", *rows, ""]).encode()
