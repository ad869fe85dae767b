"""What gunicorn loads: ``gunicorn --workers 1 --threads 4 _wsgi:app``.

One worker: the model lies in its memory, and threads share them.
"""

from model import make_application

app = make_application()
