"""`python -m retrograph`."""

import sys

from retrograph.cli import main

sys.exit(main())
