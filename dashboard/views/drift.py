"""Has the world moved, where, since when, and does it matter in money?"""

from dashboard.components import page

QUESTION = "Has the world moved, where, since when, and does it matter in money?"

page.header("Drift", QUESTION)
