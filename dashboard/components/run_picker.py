"""One run, chosen from a list or a table; the link carries its id, so that it can be sent."""

from collections.abc import Mapping

import streamlit as st

from dashboard.labels import code, short

PARAM = "run"


def pick_run(names: Mapping[str, str], default: str, key: str, label: str = "Run", param: str = PARAM) -> str:
    """Return the id of the run in the link, or the default; one the link names but nobody knows is said so.

    names: run id -> readable name; param: its name in the link. The link is the one source of truth; widgets write to it.
    """
    wanted = st.query_params.get(param, default)
    if wanted not in names:
        st.caption(
            f":material/link_off: The link names run {code(short(wanted, 40))}, which is not in this list; showing the default."
        )
        wanted = default
    st.session_state[key] = wanted
    st.selectbox(
        label, list(names), format_func=lambda run_id: names[run_id], key=key, on_change=_chosen_in_list, args=(key, param)
    )
    return wanted


def _chosen_in_list(key: str, param: str) -> None:
    st.query_params[param] = st.session_state[key]
