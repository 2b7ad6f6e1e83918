"""Where requests may be allowed to go, as operators and documents write it: CIDR, address or host name.

Every form that passes here is one that `streams/egress.py` can read.
"""

import re
from ipaddress import ip_network
from typing import Final

EXPECTED: Final = "a CIDR such as 10.0.0.0/8, an address or a host name without a port"

# A name whose last part is a number would be read as an odd spelling of an IPv4 address.
_HOST_NAME: Final = re.compile(
    r"(?!(?:.*\.)?(?:[0-9]+|0[xX][0-9a-fA-F]*)\.?\Z)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?",
    re.ASCII,
)


def is_destination(text: str) -> bool:
    """Whether a text is a CIDR (without bits beyond its prefix), an address or a host name."""
    try:
        ip_network(text)
    except ValueError:
        return _HOST_NAME.fullmatch(text) is not None
    return True
