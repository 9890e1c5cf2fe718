"""The parameter catalogue of the gateway: one file per section.

`COMMON` are the sections that every bot has; a plug-in adds its own.
"""

from bots.core.params.declare import ParamSet
from bots.core.params.sections.barge_in import BargeIn
from bots.core.params.sections.call_control import CallControl
from bots.core.params.sections.dtmf import Dtmf
from bots.core.params.sections.speech import Speech
from bots.core.params.sections.timeouts import Timeouts

COMMON: tuple[type[ParamSet], ...] = (Speech, BargeIn, Dtmf, Timeouts, CallControl)
