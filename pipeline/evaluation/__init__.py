"""Pure statistics on arrays and tables; knows no MLflow, no SQL and no Streamlit.

Everywhere: ``y`` is 0 or 1 with 1 = default, ``pd`` the probability of default in [0, 1], and a case is declined when
``pd >= cutoff``. So tp is a defaulter caught, fp a good customer refused, fn a defaulter missed, tn rightly approved.
What cannot be computed is NaN; input that cannot be meant is refused with a ValueError that names it.
"""
