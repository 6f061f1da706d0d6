/* For trials only, never shipped: Qt 6.10 and later ask for the icuuc.dll of Windows 10 (1903), which wine lacks. This
 * one has no converters at all: every function reports that, so the codecs of old encodings cannot be tried. */
#include <stddef.h>
#define EXPORT __declspec(dllexport)
enum { FILE_ACCESS_ERROR = 4 };
static void *none(int *error) {
    if (error) *error = FILE_ACCESS_ERROR;
    return NULL;
}
#define GIVES_NONE(name) \
    EXPORT void *name(void *a, int *error) { (void)a; return none(error); }
#define DOES_NOTHING(name) \
    EXPORT long long name(void) { return 0; }
#define EIGHTH_IS_ERROR(name) \
    EXPORT void name(void *a, void *b, void *c, void *d, void *e, void *f, char g, int *error) { \
        (void)a, (void)b, (void)c, (void)d, (void)e, (void)f, (void)g; none(error); }
GIVES_NONE(ucnv_open)
GIVES_NONE(ucnv_getName)
GIVES_NONE(ucnv_fromUCountPending)
GIVES_NONE(ucnv_toUCountPending)
DOES_NOTHING(ucnv_close)
DOES_NOTHING(ucnv_reset)
DOES_NOTHING(ucnv_getMaxCharSize)
DOES_NOTHING(ucnv_countAvailable)
DOES_NOTHING(ucnv_getAvailableName)
DOES_NOTHING(ucnv_getStandardName)
DOES_NOTHING(ucnv_getFromUCallBack)
DOES_NOTHING(ucnv_getToUCallBack)
DOES_NOTHING(ucnv_setFromUCallBack)
DOES_NOTHING(ucnv_setToUCallBack)
DOES_NOTHING(ucnv_cbFromUWriteUChars)
DOES_NOTHING(ucnv_cbToUWriteUChars)
DOES_NOTHING(UCNV_FROM_U_CALLBACK_SUBSTITUTE)
DOES_NOTHING(UCNV_TO_U_CALLBACK_SUBSTITUTE)
EIGHTH_IS_ERROR(ucnv_fromUnicode)
EIGHTH_IS_ERROR(ucnv_toUnicode)
