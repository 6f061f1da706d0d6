"""Processor features by name: the public numbering of Xen's feature sets, a word of 32 bits after the other.

`host.cpu_info` and `VM.last_boot_CPU_flags` spell a set as words of 8 hexadecimal digits joined by dashes.
"""

from typing import Final

OLD_WORDS: Final = 4
"""Words of a feature mask before 7.0 (`last_boot_CPU_flags` of VMs that have run since)."""

# One line a word, bit 0 first; a dash is a bit without a name.
_WORDS: Final = (
    # 0: leaf 1, edx
    "fpu vme de pse tsc msr pae mce cx8 apic - sysenter mtrr pge mca cmov pat pse36 - clflush - ds acpi mmx fxsr sse"
    " sse2 ss htt tm - pbe",
    # 1: leaf 1, ecx
    "sse3 pclmulqdq dtes64 monitor dscpl vmx smx eist tm2 ssse3 - sdbg fma cx16 xtpr pdcm - pcid dca sse4_1 sse4_2"
    " x2apic movbe popcnt tsc_deadline aesni xsave osxsave avx f16c rdrand hypervisor",
    # 2: leaf 0x80000001, edx
    "- - - - - - - - - - - syscall - - - - - - - mp nx - mmxext - - ffxsr page1gb rdtscp - lm 3dnowext 3dnow",
    # 3: leaf 0x80000001, ecx
    "lahf_lm cmp_legacy svm extapic cr8_legacy abm sse4a misalignsse 3dnowprefetch osvw ibs xop skinit wdt - lwp fma4"
    " - - nodeid_msr - tbm topoext - - - dbext - - monitorx - -",
    # 4: leaf 0xd:1, eax
    "xsaveopt xsavec xgetbv1 xsaves",
    # 5: leaf 7:0, ebx
    "fsgsbase tsc_adjust sgx bmi1 hle avx2 fdp_excp_only smep bmi2 erms invpcid rtm pqm no_fpu_sel mpx pqe avx512f"
    " avx512dq rdseed adx smap avx512_ifma - clflushopt clwb proc_trace avx512pf avx512er avx512cd sha avx512bw"
    " avx512vl",
    # 6: leaf 7:0, ecx
    "prefetchwt1 avx512_vbmi umip pku - - avx512_vbmi2 cet_ss gfni vaes vpclmulqdq avx512_vnni avx512_bitalg -"
    " avx512_vpopcntdq - - - - - - - rdpid - bus_lock_detect cldemote - movdiri movdir64b enqcmd - pks",
    # 7: leaf 0x80000007, edx
    "- - - - - - - hw_pstate itsc cpb efro",
    # 8: leaf 0x80000008, ebx
    "clzero - rstr_fp_err_ptrs - - - - - - wbnoinvd - - ibpb - ibrs amd_stibp ibrs_always stibp_always ibrs_fast"
    " ibrs_same_mode no_lmsl - - ppin amd_ssbd virt_ssbd ssb_no - psfd btc_no ibpb_ret",
    # 9: leaf 7:0, edx
    "- - avx512_4vnniw avx512_4fmaps fsrm - - - avx512_vp2intersect srbds_ctrl md_clear rtm_always_abort -"
    " tsx_force_abort serialize hybrid tsxldtrk - - - cet_ibt - amx_bf16 avx512_fp16 amx_tile amx_int8 ibrsb stibp"
    " l1d_flush arch_caps core_caps ssbd",
    # 10: leaf 7:1, eax
    "sha512 sm3 sm4 - avx_vnni avx512_bf16 - cmpccxadd - - fzrm fsrs fsrcs - - - - - - wrmsrns - amx_fp16 - avx_ifma"
    " - - - - - - - -",
    # 11: leaf 0x80000021, eax
    "no_nest_bp fs_gs_ns lfence_dispatch - - verw_clear nscb - auto_ibrs - - - - - - - - cpuid_user_dis - - - - - - -"
    " - - - - - - -",
    # 12: leaf 7:1, ebx
    "intel_ppin",
    # 13: leaf 7:2, edx
    "intel_psfd ipred_ctrl rrsba_ctrl ddp_ctrl bhi_ctrl mcdt_no",
    # 14: leaf 7:1, ecx
    "",
    # 15: leaf 7:1, edx
    "- - - - avx_vnni_int8 avx_ne_convert - - - - - - - - prefetchi - - uiret_uif cet_sss",
    # 16: MSR_ARCH_CAPS, low
    "rdcl_no eibrs rsba skip_l1dfl intel_ssb_no mds_no if_pschange_mc_no tsx_ctrl taa_no mcu_ctrl misc_pkg_ctrl"
    " energy_filtering doitm sbdr_ssdp_no fbsdp_no psdp_no - fb_clear fb_clear_ctrl rrsba bhi_no xapic_status -"
    " ovrclk_status pbrsb_no gds_ctrl gds_no rfds_no rfds_clear - - -",
)
NAMES: Final[tuple[tuple[str, ...], ...]] = tuple(tuple(words.split()) for words in _WORDS)


def words(text: str) -> list[int] | None:
    """The words of a feature set; None if it is none."""
    try:
        return [int(word, 16) for word in text.split("-") if word]
    except ValueError:
        return None


def comparable(vm: str, host: str) -> bool:
    """Both are feature sets of the same numbering: the four words of releases before 7.0 count other features in
    another order, and a host of old does not say its set at all."""
    mine, theirs = words(vm), words(host)
    return bool(mine) and bool(theirs) and not (len(mine or ()) == OLD_WORDS < len(theirs or ()))


def missing(vm: str, host: str) -> list[str]:
    """The features of a running VM that a host lacks, by name. The VM's words are extended with zeros or cut to the
    host's number (xapi cpuid_helpers.ml)."""
    mine, theirs = words(vm), words(host)
    if not comparable(vm, host) or mine is None or theirs is None:
        return []
    found = []
    for number, (a, b) in enumerate(zip(mine, theirs, strict=False)):
        lacking = a & ~b
        found += [name(number, bit) for bit in range(32) if lacking >> bit & 1]
    return found


def name(word: int, bit: int) -> str:
    """The feature's name, or its place where it has none: ``word 3 bit 31``."""
    known = NAMES[word] if word < len(NAMES) else ()
    given = known[bit] if bit < len(known) else "-"
    return f"word {word} bit {bit}" if given == "-" else given
