"""The program for Windows as an .msi, for those who distribute software by group policy: for all users, silently.

`wixl` (msitools) makes it from the folder that the setup is made of. It knows less than WiX: what it cannot say,
`msibuild` says afterwards. Byte code and the PATH are the work of setup-helper.exe, as in the setup.
"""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from making import windows
from making.common import DIST, SUMMARY, WORK, Options, megabytes, need, run, say, version

UPGRADE: Final = "7B0A1C52-6C0E-4A7B-9C9B-3E6D2B5A7F10"
"""The same for all versions: by it Windows knows that one follows another."""
PARTS: Final = uuid.UUID("3d9f3c5e-64f6-4d0c-8f5e-0a1a5f1f7c21")
"""A file keeps its identity from version to version: it is made of its place. So is a version's, of its number."""
REGISTRY: Final = r"Software\xsmigui\Msi"

# They run as the system; what they do, setup-helper.exe's module says. None of them is worth undoing an installation.
ACTIONS: Final = (
    ("Compile", "compile"),
    ("AddPath", "path add machine"),
    ("RemovePath", "path remove machine"),
    ("Clean", "clean"),
)
SEQUENCE: Final = (
    ("Compile", {"After": "InstallFiles"}, 'NOT REMOVE="ALL"'),
    ("AddPath", {"After": "Compile"}, 'ADDPATH AND NOT REMOVE="ALL"'),
    ("RemovePath", {"After": "RemoveShortcuts"}, 'REMOVE="ALL"'),
    ("Clean", {"After": "RemovePath"}, 'REMOVE="ALL"'),
)
CHANGES: Final = (
    # The part of the installation that runs with the system's rights sees these properties only.
    "UPDATE `Property` SET `Value` = 'WIX_DOWNGRADE_DETECTED;WIX_UPGRADE_DETECTED;ADDPATH;INSTALLDIR' "
    "WHERE `Property` = 'SecureCustomProperties'",
    # The version before goes before anything of this one comes: it would take away the byte code and the PATH of both.
    "UPDATE `InstallExecuteSequence` SET `Sequence` = 1510 WHERE `Action` = 'RemoveExistingProducts'",
)


def msi(options: Options) -> Path:
    """`dist/xsmigui-….msi`."""
    need(wixl="wixl", msibuild="msitools")
    if not (windows.FOLDER / "setup-helper.exe").is_file():
        windows.setup(options)
    say("package for Windows Installer")
    source = WORK / "windows" / "xsmigui.wxs"
    root = _document()
    ElementTree.indent(root)
    source.write_bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))
    target = DIST / f"xsmigui-{version()}.msi"
    target.unlink(missing_ok=True)
    run("wixl", "--arch", "x64", "--output", target, source, cwd=source.parent)
    for change in CHANGES:
        run("msibuild", target, "-q", change)
    windows.sign(target, options)
    say(f"{target.name}: {megabytes(target)}")
    return target


def _document() -> Element:
    wix = Element("Wix", xmlns="http://schemas.microsoft.com/wix/2006/wi")
    number = ".".join(windows.numbers(".").split(".")[:3])
    product = SubElement(
        wix, "Product", Id=_guid(f"version {version()}"), Name="xsmigui", Language="1033",
        Version=number, Manufacturer="The authors of xsmigui", UpgradeCode=f"{{{UPGRADE}}}",
    )  # fmt: skip
    SubElement(product, "Package", InstallerVersion="500", Compressed="yes", InstallScope="perMachine",
               Description=SUMMARY)  # fmt: skip
    SubElement(product, "MajorUpgrade", DowngradeErrorMessage="A later version of xsmigui is installed.")
    SubElement(product, "Media", Id="1", Cabinet="xsmigui.cab", EmbedCab="yes")
    SubElement(product, "Icon", Id="xsmigui.ico", SourceFile="xsmigui.ico")
    for name, value in (("ARPPRODUCTICON", "xsmigui.ico"), ("ARPNOMODIFY", "1"), ("ARPNOREPAIR", "1")):
        SubElement(product, "Property", Id=name, Value=value)
    _search(product, "ADDPATH", REGISTRY, "OnPath")  # as the version before had it
    _search(product, "INSTALLDIR", REGISTRY, "Folder")
    _search(product, "SETUPFOLDER", r"Software\xsmigui", "Folder")
    _condition(product, "VersionNT64 >= 603 OR Installed", "xsmigui needs Windows 10 (64 bits) or later.")
    text = "xsmigui was installed by its setup program. Uninstall that first: two in one place break each other."
    _condition(product, "NOT SETUPFOLDER OR Installed", text)
    _actions(product)
    target = SubElement(product, "Directory", Id="TARGETDIR", Name="SourceDir")
    programs = SubElement(target, "Directory", Id="ProgramFiles64Folder")
    folder = SubElement(programs, "Directory", Id="INSTALLDIR", Name="xsmigui")
    parts = [_registry(folder), *_files(folder, windows.FOLDER)]
    menu = SubElement(target, "Directory", Id="ProgramMenuFolder")
    parts.append(_menu(menu))
    feature = SubElement(product, "Feature", Id="Program", Title="xsmigui", Level="1", Absent="disallow")
    for part in parts:
        SubElement(feature, "ComponentRef", Id=part)
    return wix


def _search(product: Element, name: str, key: str, value: str) -> None:
    found = SubElement(product, "Property", Id=name)
    SubElement(found, "RegistrySearch", Id=f"Search{name}", Root="HKLM", Key=key, Name=value, Type="raw", Win64="yes")


def _condition(product: Element, condition: str, message: str) -> None:
    SubElement(product, "Condition", Message=message).text = condition


def _actions(product: Element) -> None:
    for name, arguments in ACTIONS:
        SubElement(
            product, "CustomAction", Id=name, FileKey=_id("f", "setup-helper.exe"), ExeCommand=arguments,
            Execute="deferred", Impersonate="no", Return="ignore",
        )  # fmt: skip
    sequence = SubElement(product, "InstallExecuteSequence")
    for name, place, condition in SEQUENCE:
        SubElement(sequence, "Custom", Action=name, **place).text = condition


def _id(kind: str, place: str) -> str:
    return f"{kind}{uuid.uuid5(PARTS, place).hex}"


def _guid(place: str) -> str:
    return f"{{{str(uuid.uuid5(PARTS, place)).upper()}}}"


def _component(parent: Element, place: str) -> tuple[str, Element]:
    name = _id("c", place)
    return name, SubElement(parent, "Component", Id=name, Guid=_guid(place), Win64="yes")


def _files(parent: Element, folder: Path) -> Iterator[str]:
    """A component for each file, as Windows wants it; their names."""
    for path in sorted(folder.iterdir()):
        place = path.relative_to(windows.FOLDER).as_posix()
        if path.is_dir():
            yield from _files(SubElement(parent, "Directory", Id=_id("d", place), Name=path.name), path)
            continue
        name, component = _component(parent, place)
        source = f"{windows.FOLDER.name}/{place}"
        SubElement(component, "File", Id=_id("f", place), Source=source, Name=path.name, KeyPath="yes")
        yield name


def _registry(parent: Element) -> str:
    name, component = _component(parent, "registry")
    for value, text in (("Folder", "[INSTALLDIR]"), ("OnPath", "[ADDPATH]")):
        more = {"KeyPath": "yes"} if value == "Folder" else {}
        SubElement(component, "RegistryValue", Root="HKLM", Key=REGISTRY, Name=value, Type="string", Value=text, **more)
    return name


def _menu(parent: Element) -> str:
    name, component = _component(parent, "menu")
    SubElement(
        component, "Shortcut", Id="Shortcut", Name="xsmigui", Target="[INSTALLDIR]xsmigui.exe", Description=SUMMARY,
        WorkingDirectory="INSTALLDIR",
    )  # fmt: skip
    SubElement(component, "RegistryValue", Root="HKLM", Key=REGISTRY, Name="Menu", Type="string", Value="1",
               KeyPath="yes")  # fmt: skip
    return name


__all__ = ["msi"]
