// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.snapshot;

/** How RAM comes back. All give the guest the same memory, bit for bit. */
public enum RestoreMode {
    /** Everything before the first instruction. */
    EAGER,
    /** All pages protected, filled on fault. */
    LAZY,
    /** As LAZY, with a recorded working set fetched ahead in first-touch order. */
    RECORDED
}
