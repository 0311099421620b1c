from .analysis import Match as Match
from .analysis import Score as Score
from .analysis import match as match
from .analysis import score as score
from .batch.compare import Comparison as Comparison
from .batch.compare import compare as compare
from .batch.compare import stylize_grid as stylize_grid
from .batch.jobs import Job as Job
from .batch.run import BatchResult as BatchResult
from .batch.run import run_batch as run_batch
from .errors import CxStyleError as CxStyleError
from .generators import Generator as Generator
from .generators import train as train
from .losses import ContextualLoss as ContextualLoss
from .losses import contextual_loss as contextual_loss
from .pictures import Writing as Writing
from .settings import LossTerm as LossTerm
from .settings import Optimizer as Optimizer
from .settings import Pyramid as Pyramid
from .settings import StyleConfig as StyleConfig
from .settings import TrainConfig as TrainConfig
from .transfer import Progress as Progress
from .transfer import Record as Record
from .transfer import Result as Result
from .transfer import read_record as read_record
from .transfer import stylize as stylize

__version__: str
SPINNING: dict[str, str]
WAITING: tuple[str, ...]
LATE: bool
