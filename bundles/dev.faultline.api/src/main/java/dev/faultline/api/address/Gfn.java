// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.address;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Guest frame number: the number of a page of guest-physical space, its {@link Gpa} divided by
 * {@link Page#SIZE}.
 */
@Documented
@Retention(RetentionPolicy.CLASS)
@Target(ElementType.TYPE_USE)
public @interface Gfn {}
