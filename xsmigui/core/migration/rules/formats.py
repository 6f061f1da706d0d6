"""Rules about the format in which a disk's image is stored."""

from typing import Final

from xsmigui.core.messages import listed, m_
from xsmigui.core.migration.moves import Kind, Move, image_formats
from xsmigui.core.migration.rules.base import Problems, found, rule
from xsmigui.core.problems import Page, Severity

STORAGE: Final = Page.storage


def _name(move: Move, ref: str) -> str:
    return move.source.name_of("VDI", ref)


@rule("R62", "image format", "SHD", STORAGE)
def image_format(move: Move) -> Problems:
    """Drivers that name their formats (`SM.supported_image_formats`) and lack the disk's would store it in another."""
    for ref, sr in move.moving.items():
        vdi = move.source.VDI[ref]
        if ref in move.formats:
            continue
        form = vdi.sm_config.get("image-format", vdi.sm_config.get("vdi_type", ""))
        there = move.target.SR.get(sr) if sr is not None else None
        driver = move.target.sm_by_type.get(there.type) if there else None
        if (
            there
            and driver
            and driver.supported_image_formats
            and form == "qcow2"
            and form not in driver.supported_image_formats
        ):
            name = {"disk": _name(move, ref), "sr": there.name_label, "format": form}
            message = m_(
                "{disk} is a {format} image, which {sr} does not know: it will be stored in another format.", **name
            )
            hint = m_("Choose another SR if the format matters.")
            yield found("R62", Severity.warn, move.source, "VDI", ref, message, hint, page=STORAGE)


@rule("R62", "the format that was chosen", "SHD", STORAGE)
def chosen_format(move: Move) -> Problems:
    """`VM.migrate_send` takes a format for each disk since 26.15, of those that the destination's driver names; older
    servers take none (xapi_vm_migrate.ml, assert_vdi_format_is_supported: VDI_INCOMPATIBLE_TYPE)."""
    for ref, form in move.formats.items():
        sr = move.moving[ref]
        offered = image_formats(move.source, move.target, sr) if sr is not None and move.kind is not Kind.disk else ()
        if sr is None or form in offered:
            continue
        name = {"disk": _name(move, ref), "sr": move.target.name_of("SR", sr), "format": form}
        message = m_("{disk} cannot be stored as {format} on {sr}.", **name)
        hint = m_("Leave the format to the SR.")
        if offered:
            hint = m_("Choose one of these: {formats}.", formats=listed(list(offered)))
        yield found("R62", Severity.block, move.source, "VDI", ref, message, hint, page=STORAGE)
