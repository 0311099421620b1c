from .gallery import write_gallery as write_gallery
