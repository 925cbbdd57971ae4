"""Repairs of what the theme and its extensions write, so that axe-core finds nothing on any page.

Each function mends one thing in a finished page. `tests/site` holds every page to the result.
"""

from __future__ import annotations

from bs4 import BeautifulSoup


def name_the_landmarks(soup: BeautifulSoup) -> None:
    """The book's side bar is navigation as a whole, its logo and search button included; dialogs have names."""
    for bar in soup.select("#pst-primary-sidebar"):
        bar.attrs.update({"role": "navigation", "aria-label": "Book"})
    for nav in soup.select("#pst-primary-sidebar nav.bd-links"):
        nav["aria-label"] = "Chapters"
    for name, title in (("pst-search-dialog", "Search"), ("pst-primary-sidebar-modal", "Book"),
                        ("pst-secondary-sidebar-modal", "On this page")):  # fmt: skip
        for dialog in soup.select(f"dialog#{name}"):
            dialog["aria-label"] = title


def name_the_buttons(soup: BeautifulSoup) -> None:
    """A button is called what it shows; one that shows an icon alone is called by its title."""
    for button in soup.select("button.search-button-field"):
        del button["aria-label"]
    for button in soup.select("button.theme-switch-button"):
        button.attrs.update({"aria-label": "Colours: light, dark or the system's", "data-bs-title": "Colours"})
    for button in soup.select("button[title]:not([aria-label]):not(.search-button-field)"):
        button["aria-label"] = str(button["title"])


def name_the_folds(soup: BeautifulSoup) -> None:
    """In the side bar, what folds the pages beneath a chapter is an icon alone: it is called by the chapter."""
    for summary in soup.select("nav.bd-links li.has-children > details > summary"):
        row = summary.find_parent("li")
        link = row.find("a", recursive=False) if row else None
        if link:
            summary["aria-label"] = f"Beneath {link.get_text(strip=True)}"


def silence_logos(soup: BeautifulSoup) -> None:
    """A logo beside its own name says nothing new; hidden ones need not be fetched either."""
    for image in soup.select(".dropdown-menu img"):
        image.attrs.update({"alt": "", "loading": "lazy"})


def list_the_citations(soup: BeautifulSoup) -> None:
    """A list has list items; the role that docutils gives them has been withdrawn."""
    for entry in soup.select('[role="doc-biblioentry"]'):
        entry["role"] = "listitem"


def head_the_tables(soup: BeautifulSoup) -> None:
    """Heads of columns and rows say so; an empty corner is no head."""
    for cell in soup.select("table th"):
        if not cell.get_text(strip=True) and cell.find("img") is None:
            cell.name = "td"
        elif "scope" not in cell.attrs:
            cell["scope"] = "col" if cell.find_parent("thead") else "row"


def fold_without_script(soup: BeautifulSoup) -> None:
    """A box that is folded is a `<details>`: it opens by keyboard, without a script, and when searched."""
    for box in soup.select("div.admonition.dropdown"):
        title = box.find(class_="admonition-title", recursive=False)
        if title is None:
            continue
        for link in title.select("a"):
            link.unwrap()  # a click on the title shall open the box, not leave it
        title.name, box.name = "summary", "details"


def keep_ids_unique(soup: BeautifulSoup) -> None:
    """Every exercise and every solution of a page comes with the same id on its content."""
    for content in soup.select("section#exercise-content, section#solution-content, section#proof-content"):
        del content["id"]
        content.name = "div"


def close_the_door(soup: BeautifulSoup) -> None:
    """A page that opens in a new tab gets no handle on this one."""
    for link in soup.select('a[target="_blank"]'):
        link["rel"] = "noopener"


def keep_one_viewport(soup: BeautifulSoup) -> None:
    """Sphinx, docutils and the theme each write one."""
    for extra in soup.select('meta[name="viewport"]')[1:]:
        extra.decompose()


def mend(soup: BeautifulSoup) -> None:
    """Make all repairs."""
    for repair in (name_the_landmarks, name_the_buttons, name_the_folds, silence_logos, list_the_citations,
                   head_the_tables, fold_without_script, keep_ids_unique, close_the_door,
                   keep_one_viewport):  # fmt: skip
        repair(soup)
