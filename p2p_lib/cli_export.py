"""The command line for leaving: ``p2p export``."""

from __future__ import annotations

from p2p_lib.cli import new_parser


def export(arguments: list[str]) -> int:
    """``p2p export``."""
    parser = new_parser("export", "A model as one file that runs without this course: picture in, picture out.")
    parser.add_argument("model", metavar="MODEL", help="bundled name, weights file, or folder of a run")
    parser.add_argument("--onnx", metavar="FILE.onnx", help="for ONNX Runtime and others; checked at three sizes")
    parser.add_argument("--pt2", metavar="FILE.pt2", help="for torch.export.load, which needs torch alone")
    options = parser.parse_args(arguments)
    from p2p_lib.export import export as export_model
    from p2p_lib.translator import Translator

    print(export_model(Translator.load(options.model, "cpu"), onnx=options.onnx, pt2=options.pt2))
    return 0
