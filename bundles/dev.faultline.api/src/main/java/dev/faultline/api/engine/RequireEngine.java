// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.engine;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.osgi.annotation.bundle.Requirement;

/**
 * The annotated type's bundle does nothing useful without an execution engine, a {@link
 * VcpuEngineFactory} of whatever name: its manifest says so, and a resolver finds one.
 */
@Retention(RetentionPolicy.CLASS)
@Target({ElementType.TYPE, ElementType.PACKAGE})
@Requirement(
        namespace = "osgi.service",
        filter = "(objectClass=dev.faultline.api.engine.VcpuEngineFactory)",
        effective = "active")
public @interface RequireEngine {}
