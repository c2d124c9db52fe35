// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.address;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Guest-physical address of a byte: what the guest's page tables lead to, and its devices use; 0 up
 * to {@link dev.faultline.api.memory.GuestMemory#physicalAddressBits} bits.
 */
@Documented
@Retention(RetentionPolicy.CLASS)
@Target(ElementType.TYPE_USE)
public @interface Gpa {}
