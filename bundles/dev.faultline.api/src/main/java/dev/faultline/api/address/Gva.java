// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.address;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Linear address of a byte in the guest (guest-virtual): after segmentation, before paging (SDM 3A,
 * "Address Translation").
 */
@Documented
@Retention(RetentionPolicy.CLASS)
@Target(ElementType.TYPE_USE)
public @interface Gva {}
