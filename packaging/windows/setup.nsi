; The setup program. Built by packaging/making/windows.py, which defines:
;   VERSION NUMBERS   of the program, and as four numbers
;   FOLDER            what is installed
;   OUT ICON LICENCE  the result, the icon, the text of the licence
;   LAID              a file that deletes what was laid, and nothing else
;   COMPRESSION       zlib or lzma
; Silently: /S, with /AllUsers or /CurrentUser, /PATH for the command line on the PATH, /D=FOLDER last.
; Exit status: 0; 1 cancelled; 2 failed; 3 Windows is too old; 4 the program is running; 5 the .msi is installed.

Unicode true
Target amd64-unicode
SetCompressor /SOLID ${COMPRESSION}
ManifestDPIAware true

!define ID "xsmigui"
!define UNINSTALL "Software\Microsoft\Windows\CurrentVersion\Uninstall\${ID}"

!define MULTIUSER_EXECUTIONLEVEL Highest
!define MULTIUSER_MUI
!define MULTIUSER_INSTALLMODE_COMMANDLINE
!define MULTIUSER_USE_PROGRAMFILES64
!define MULTIUSER_INSTALLMODE_INSTDIR "${ID}"
!define MULTIUSER_INSTALLMODE_INSTDIR_REGISTRY_KEY "Software\${ID}"
!define MULTIUSER_INSTALLMODE_INSTDIR_REGISTRY_VALUENAME "Folder"
!define MULTIUSER_INSTALLMODE_DEFAULT_REGISTRY_KEY "Software\${ID}"
!define MULTIUSER_INSTALLMODE_DEFAULT_REGISTRY_VALUENAME "Folder"

!include FileFunc.nsh
!include LogicLib.nsh
!include MultiUser.nsh
!include MUI2.nsh
!include Sections.nsh
!include WinVer.nsh
!include x64.nsh

Name "xsmigui"
OutFile "${OUT}"
VIProductVersion "${NUMBERS}"
VIFileVersion "${NUMBERS}"
VIAddVersionKey ProductName "xsmigui"
VIAddVersionKey ProductVersion "${VERSION}"
VIAddVersionKey FileVersion "${VERSION}"
VIAddVersionKey FileDescription "Setup of xsmigui"
VIAddVersionKey LegalCopyright "Apache License 2.0"

!define MUI_ICON "${ICON}"
!define MUI_UNICON "${ICON}"
!define MUI_ABORTWARNING
!define MUI_LANGDLL_ALLLANGUAGES
!define MUI_FINISHPAGE_RUN "$INSTDIR\xsmigui.exe"
!insertmacro MUI_PAGE_LICENSE "${LICENCE}"
!insertmacro MULTIUSER_PAGE_INSTALLMODE
!insertmacro MUI_PAGE_COMPONENTS
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_INSTFILES
!insertmacro MUI_PAGE_FINISH
!insertmacro MUI_UNPAGE_CONFIRM
!insertmacro MUI_UNPAGE_INSTFILES
!insertmacro MUI_LANGUAGE "English"
!insertmacro MUI_LANGUAGE "Spanish"

LangString TooOld ${LANG_ENGLISH} "xsmigui needs Windows 10 (64 bits) or later."
LangString TooOld ${LANG_SPANISH} "xsmigui necesita Windows 10 (64 bits) o posterior."
LangString Running ${LANG_ENGLISH} "xsmigui is running. Close it and try again."
LangString Running ${LANG_SPANISH} "xsmigui está en ejecución. Ciérrelo e inténtelo de nuevo."
LangString Msi ${LANG_ENGLISH} "xsmigui was installed for all users from its .msi. Uninstall that first."
LangString Msi ${LANG_SPANISH} "xsmigui se instaló para todos los usuarios desde su .msi. Desinstálelo primero."
LangString Program ${LANG_ENGLISH} "xsmigui"
LangString Program ${LANG_SPANISH} "xsmigui"
LangString OnPath ${LANG_ENGLISH} "Command line (xsmigui-cli) on the PATH"
LangString OnPath ${LANG_SPANISH} "Línea de órdenes (xsmigui-cli) en el PATH"
LangString ShortcutText ${LANG_ENGLISH} "Move virtual machines of XenServer and XCP-ng"
LangString ShortcutText ${LANG_SPANISH} "Mover máquinas virtuales de XenServer y XCP-ng"

Var Whose ; machine or user, as setup-helper.exe calls it

!macro DecideWhose
  StrCpy $Whose "user"
  ${If} $MultiUser.InstallMode == "AllUsers"
    StrCpy $Whose "machine"
  ${EndIf}
!macroend

; A running program holds its file.
!macro EndIfRunning
  ${If} ${FileExists} "$INSTDIR\xsmigui.exe"
    ClearErrors
    FileOpen $0 "$INSTDIR\xsmigui.exe" a
    ${If} ${Errors}
      MessageBox MB_ICONSTOP|MB_OK "$(Running)" /SD IDOK
      SetErrorLevel 4
      Quit
    ${EndIf}
    FileClose $0
  ${EndIf}
!macroend

Section "$(Program)" SectionProgram
  SectionIn RO
  SetRegView 64
  !insertmacro DecideWhose
  !insertmacro EndIfRunning
  ; The version before takes away what it laid, and nothing else.
  ${If} ${FileExists} "$INSTDIR\uninstall.exe"
    ExecWait '"$INSTDIR\uninstall.exe" /S /$MultiUser.InstallMode _?=$INSTDIR'
    Delete "$INSTDIR\uninstall.exe"
  ${EndIf}
  SetOutPath "$INSTDIR"
  File /r "${FOLDER}/*"
  WriteUninstaller "$INSTDIR\uninstall.exe"
  nsExec::Exec '"$INSTDIR\setup-helper.exe" compile'
  Pop $0
  SetOutPath "$INSTDIR"
  CreateShortCut "$SMPROGRAMS\xsmigui.lnk" "$INSTDIR\xsmigui.exe" "" "" "" "" "" "$(ShortcutText)"

  WriteRegStr SHCTX "Software\${ID}" "Folder" "$INSTDIR"
  WriteRegStr SHCTX "${UNINSTALL}" "DisplayName" "xsmigui"
  WriteRegStr SHCTX "${UNINSTALL}" "DisplayVersion" "${VERSION}"
  WriteRegStr SHCTX "${UNINSTALL}" "DisplayIcon" "$INSTDIR\xsmigui.exe"
  WriteRegStr SHCTX "${UNINSTALL}" "Publisher" "The authors of xsmigui"
  WriteRegStr SHCTX "${UNINSTALL}" "InstallLocation" "$INSTDIR"
  WriteRegStr SHCTX "${UNINSTALL}" "UninstallString" '"$INSTDIR\uninstall.exe" /$MultiUser.InstallMode'
  WriteRegStr SHCTX "${UNINSTALL}" "QuietUninstallString" '"$INSTDIR\uninstall.exe" /$MultiUser.InstallMode /S'
  WriteRegDWORD SHCTX "${UNINSTALL}" "NoModify" 1
  WriteRegDWORD SHCTX "${UNINSTALL}" "NoRepair" 1
  ${GetSize} "$INSTDIR" "/S=0K" $0 $1 $2
  WriteRegDWORD SHCTX "${UNINSTALL}" "EstimatedSize" $0
SectionEnd

Section /o "$(OnPath)" SectionPath
  SetRegView 64
  nsExec::Exec '"$INSTDIR\setup-helper.exe" path add $Whose'
  Pop $0
  WriteRegDWORD SHCTX "Software\${ID}" "OnPath" 1
SectionEnd

Function .onInit
  SetRegView 64
  ${IfNot} ${AtLeastWin10}
  ${OrIfNot} ${RunningX64}
    MessageBox MB_ICONSTOP|MB_OK "$(TooOld)" /SD IDOK
    SetErrorLevel 3
    Quit
  ${EndIf}
  !insertmacro MULTIUSER_INIT
  ReadRegStr $0 HKLM "Software\${ID}\Msi" "Folder"
  ${If} $MultiUser.InstallMode == "AllUsers"
  ${AndIf} $0 != ""
    MessageBox MB_ICONSTOP|MB_OK "$(Msi)" /SD IDOK
    SetErrorLevel 5
    Quit
  ${EndIf}
  ; What was chosen the last time, or asked for now.
  ReadRegDWORD $0 SHCTX "Software\${ID}" "OnPath"
  ${GetParameters} $1
  ClearErrors
  ${GetOptions} $1 "/PATH" $2
  ${IfNot} ${Errors}
    StrCpy $0 1
  ${EndIf}
  ${If} $0 == 1
    !insertmacro SelectSection ${SectionPath}
  ${EndIf}
FunctionEnd

Function un.onInit
  SetRegView 64
  !insertmacro MULTIUSER_UNINIT
FunctionEnd

Section "Uninstall"
  SetRegView 64
  !insertmacro DecideWhose
  !insertmacro EndIfRunning
  ReadRegDWORD $0 SHCTX "Software\${ID}" "OnPath"
  ${If} $0 == 1
    nsExec::Exec '"$INSTDIR\setup-helper.exe" path remove $Whose'
    Pop $0
  ${EndIf}
  Delete "$SMPROGRAMS\xsmigui.lnk"
  SetOutPath "$TEMP"
  !include "${LAID}"
  Delete "$INSTDIR\uninstall.exe"
  RMDir "$INSTDIR"
  DeleteRegKey SHCTX "${UNINSTALL}"
  DeleteRegKey SHCTX "Software\${ID}"
SectionEnd
