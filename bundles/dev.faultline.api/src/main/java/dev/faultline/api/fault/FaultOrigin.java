// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.fault;

/** On whose behalf the stopped access was made. */
public enum FaultOrigin {
    /** Operand of an instruction. */
    DATA,
    /** Instruction bytes. */
    FETCH,
    /** A guest paging structure, read or updated (A/D) during a walk. */
    PAGE_WALK,
    /** GDT, LDT, IDT or TSS. */
    DESCRIPTOR,
    /** Pushes of interrupt or exception delivery. */
    EVENT_DELIVERY,
    /** A device's DMA. */
    DEVICE
}
