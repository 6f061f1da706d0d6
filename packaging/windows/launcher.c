/* xsmigui for Windows: loads the Python beside it and runs one module of the program in this very process, so that the
 * task bar, the exit status and the console are the program's own.
 *
 * Built three times, each with -municode: for windows (-mwindows), for the console (-DCONSOLE), and for the installer (-DCONSOLE with another
 * MODULE). PYTHON is the name of Python's DLL. */
#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>
#include <windows.h>

#define WIDE_(text) L##text
#define WIDE(text) WIDE_(text)

typedef int (*Entry)(int, wchar_t **);

static int broken(const wchar_t *what) {
#ifdef CONSOLE
    fwprintf(stderr, L"xsmigui: %ls. Please install it again.\n", what);
#else
    MessageBoxW(NULL, what, L"xsmigui", MB_ICONERROR | MB_OK);
#endif
    return 70;
}

static int start(int given, wchar_t **arguments) {
    static wchar_t path[32768];
    static const wchar_t *const ours[] = {L"-I", L"-X", L"utf8", L"-m", WIDE(MODULE)};
    const int more = sizeof ours / sizeof *ours;

    DWORD length = GetModuleFileNameW(NULL, path, 32000);
    wchar_t *name = length && length < 32000 ? wcsrchr(path, L'\\') : NULL;
    if (!name) return broken(L"The program's own folder was not found");
    wcscpy(name + 1, WIDE(PYTHON));
    SetDllDirectoryW(L""); /* nothing is loaded from the current folder */
    HMODULE python = LoadLibraryExW(path, NULL, LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR | LOAD_LIBRARY_SEARCH_DEFAULT_DIRS);
    if (!python) return broken(WIDE(PYTHON) L" is missing or damaged");
    Entry entry = (Entry)(void *)GetProcAddress(python, "Py_Main");
    if (!entry) return broken(WIDE(PYTHON) L" is not the one that was installed");

    wchar_t **all = calloc((size_t)given + more + 1, sizeof *all);
    if (!all) return broken(L"There is no memory");
    all[0] = arguments[0];
    for (int i = 0; i < more; i++) all[1 + i] = (wchar_t *)ours[i];
    for (int i = 1; i < given; i++) all[more + i] = arguments[i];
    return entry(given + more, all);
}

#ifdef CONSOLE
int wmain(int count, wchar_t **arguments) { return start(count, arguments); }
#else
int WINAPI wWinMain(HINSTANCE self, HINSTANCE before, PWSTR line, int show) {
    (void)self, (void)before, (void)line, (void)show;
    return start(__argc, __wargv);
}
#endif
