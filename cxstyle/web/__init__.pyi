from .gallery import write_gallery as write_gallery
from .serve import PageServer as PageServer
