"""``python -m p2p_lib`` is ``p2p``."""

import sys

from p2p_lib.cli import main

sys.exit(main())
