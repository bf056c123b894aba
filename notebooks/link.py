"""Points the notebooks at the repository that they lie in: their badges, and what their first cell installs.

python notebooks/link.py [OWNER/NAME]

OWNER/NAME is the repository's on GitHub, by default that of the git remote ``origin``. Where there is none, badges open
Colab's upload dialog, and the first cell asks for a SOURCE. Run it once after forking; a second run changes nothing.
"""

import re
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
UPLOAD = "https://colab.research.google.com/#upload=true"


def origin() -> str:
    """OWNER/NAME of the remote ``origin``; empty where it is not on GitHub."""
    asked = ["git", "-C", str(FOLDER), "remote", "get-url", "origin"]
    address = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    found = re.fullmatch(r"(?:https://|ssh://)?(?:[^@/]+@)?github\.com[:/]([^/]+/[^/]+?)(?:\.git)?/?", address)
    return found[1] if found else ""


def linked(text: str, name: str, repository: str) -> str:
    """A notebook's text with its badge and SOURCE set."""
    badge = (
        f"https://colab.research.google.com/github/{repository}/blob/main/notebooks/{name}" if repository else UPLOAD
    )
    source = f"git+https://github.com/{repository}" if repository else ""
    text = re.sub(r"(colab-badge\.svg\)\]\()[^)]*", lambda match: match[1] + badge, text)
    return re.sub(r'(SOURCE = \\")[^"\\]*', lambda match: match[1] + source, text)


def main(repository: str) -> None:
    """Rewrites every notebook of this folder."""
    if repository and not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        sys.exit(f"error: {repository!r} is no repository of GitHub: say OWNER/NAME")
    for path in sorted(FOLDER.glob("*.ipynb")):
        path.write_text(linked(path.read_text(), path.name, repository))
    print(f"the notebooks open from {repository or 'an upload, and ask for a SOURCE'}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else origin())
